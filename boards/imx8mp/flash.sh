#!/bin/bash
# flash.sh: makes flash.bin, what the i.MX 8M Plus starts with, in the folder that it is run in: SPL with the DDR training
# programs behind it, and U-Boot with TF-A as a FIT at 0x58000. The places are those of U-Boot's arch/arm/dts/imx8mp-u-boot.dtsi
# (binman), addresses those of imx8mp_evk_defconfig and of TF-A's platform imx8mp.
set -euo pipefail
padded() { # FILE: to a multiple of four bytes with 0xff
	cat "$1"
	head -c $(((4 - $(stat -c %s "$1") % 4) % 4)) /dev/zero | tr '\0' '\377'
}
for part in u-boot-spl.bin lpddr4_pmu_train_{1d,2d}_{imem,dmem}_202006.bin; do padded "$part"; done >u-boot-spl-ddr.bin
printf 'ROM_VERSION v2\nBOOT_FROM sd\nLOADER u-boot-spl-ddr.bin 0x920000\n' >spl.cfg
mkimage -n spl.cfg -T imx8mimage -e 0x920000 -d u-boot-spl-ddr.bin spl.bin >/dev/null
[ "$(stat -c %s spl.bin)" -le $((0x58000)) ] || { echo "SPL and DDR programs need $(stat -c %s spl.bin) bytes, 0x58000 are there" >&2; exit 1; }
cat >itb.its <<'ITS'
/dts-v1/;
/ {
	description = "U-Boot and TF-A";
	#address-cells = <1>;
	images {
		uboot {
			description = "U-Boot"; data = /incbin/("u-boot-nodtb.bin");
			type = "standalone"; arch = "arm64"; compression = "none"; load = <0x40200000>;
		};
		atf {
			description = "TF-A"; data = /incbin/("bl31.bin");
			type = "firmware"; arch = "arm64"; compression = "none"; load = <0x970000>; entry = <0x970000>;
		};
		fdt-1 { description = "imx8mp-evk"; data = /incbin/("u-boot.dtb"); type = "flat_dt"; compression = "none"; };
	};
	configurations {
		default = "config-1";
		config-1 { description = "imx8mp-evk"; fdt = "fdt-1"; firmware = "uboot"; loadables = "atf"; };
	};
};
ITS
mkimage -E -p 0x3000 -f itb.its u-boot.itb >/dev/null
cp spl.bin flash.bin
truncate -s $((0x58000)) flash.bin
cat u-boot.itb >>flash.bin
