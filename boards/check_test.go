package boards

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

func rpi4JSON(t testing.TB) string {
	raw, err := os.ReadFile("rpi4/board.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// What a real board cannot be, by the field that is named.
func TestParseRefusesBoards(t *testing.T) {
	good := rpi4JSON(t)
	for _, c := range []struct{ name, old, new, path, says string }{
		{"console", `"/dev/ttyS1", "rate": 115200},
  "prov`, `"ttyS1", "rate": 115200},
  "prov`, "/console/device", "want a device such as /dev/tty0"},
		{"path in a device", `"/dev/tpmrm0"`, `"/dev/../etc/tpm"`, "/tpm/device", "want a device"},
		{"rate", `115200`, `123456`, "/console/rate", "123456 baud"},
		{"TPM's bus", `"bus": "spi"`, `"bus": "usb"`, "/tpm/bus", "usb"},
		{"watchdog in a hurry", `"timeout": "15s"`, `"timeout": "1s"`, "/watchdog/timeout", "allowed 5s to 5m0s"},
		{"no network", `"network": ["eth0"]`, `"network": []`, "/network", "missing"},
		{"network's name", `"eth0"`, `"eth0/../x"`, "/network/0", "eth0"},
		{"no machine", `["raspberrypi,4-model-b"]`, `[]`, "/compatible", "missing"},
		{"camera's device", `"driver:uvcvideo"`, `"video0"`, "/rgb/device", "want name:"},
		{"pixels", `"YUYV"`, `"MJPG"`, "/rgb/pixels", "known are GREY"},
		{"pixels of the other format", `"Y10"`, `"GREY"`, "/nir/pixels", "makes y8 of GREY, but format is y10"},
		{"exposure", `"4ms"`, `"20ms"`, "/nir/exposure", "limits allow"},
		{"row", `"9.1µs"`, `"9.1s"`, "/nir/row", "allowed 1µs to 1ms"},
		{"bus code", `"pad": 1, "code": 8202`, `"pad": 1, "code": 1`, "/nir/pipeline/2/code", "1, allowed"},
		{"timeout of a slow camera", `"timeout": "500ms"`, `"timeout": "50ms"`, "/limits/timeout", "three frames of rgb"},
		{"LED driver", `"tlc59116"`, `"pca9685"`, "/chips/0/chip", "known are tlc59116"},
		{"all-call address", `"address": 96`, `"address": 104`, "/chips/0/address", "keeps it for all"},
		{"address taken", `"address": 41`, `"address": 96`, "/presence/address", "has lamps already"},
		{"name taken", `"name": "ring"`, `"name": "lamps"`, "/chips/1/name", "a name of its own"},
		{"lamp on no chip", `"chip": "lamps", "line": 0`, `"chip": "gpiochip0", "line": 0`, "/lamps/0/chip", "none of the chips"},
		{"lamp beyond the chip", `"chip": "lamps", "line": 11`, `"chip": "lamps", "line": 16`, "/lamps/11/line", "allowed 0 to 15"},
		{"two lamps on an output", `"chip": "lamps", "line": 11`, `"chip": "lamps", "line": 10`, "/lamps/11/line", "a lamp (nir940@bl) already"},
		{"corner dark", `"nir940@br"`, `"nir940@bl"`, "/lamps", "no lamp for nir940 in br"},
		{"corners not alone", `"nir940@br"`, `"nir940"`, "/lamps", "no lamp for nir940@br alone"},
		{"lamp of half strength", `"nir940@br"`, `"nir940@br/50"`, "/lamps/11/light", "want one band"},
		{"drive", `"drive": 0.5`, `"drive": 1.5`, "/lamps/0/drive", "1.5"},
		{"lit too shortly", `"max_on_ms": 300`, `"max_on_ms": 70`, "/lamps/0/max_on_ms", "lit for up to 76ms"},
		{"hand gone before it is near", `"gone_mm": 240`, `"gone_mm": 150`, "/presence/gone_mm", "allowed 190"},
		{"presence", `"vl53l0x"`, `"sim"`, "/presence/chip", `want "vl53l0x"`},
		{"ring of nothing", `"chip": "ring", "strength"`, `"chip": "rings", "strength"`, "/face/ring/chip", "none of the chips"},
		{"ring too bright", `"strength": 0.6`, `"strength": 2`, "/face/ring/strength", "2 of full"},
		{"ring's outputs", `[33, 34, 35]`, `[33, 34, 36]`, "/face/ring/leds/11/2", "allowed 0 to 35"},
		{"ring's output twice", `[33, 34, 35]`, `[33, 34, 34]`, "/face/ring/leds/11/2", "the ring already"},
		{"relay for ever", `"open": "3s"`, `"open": "3h"`, "/gate/relay/open", "allowed 100ms to 30s"},
		{"relay on the lamps' gate", `"line": 24`, `"line": 23`, "/gate/relay", "the gate of lamps already"},
		{"Wiegand on a chip", `{"chip": "pinctrl-bcm2711", "line": 5}`, `{"chip": "lamps", "line": 15}`, "/gate/wiegand/data0/chip", "is an LED driver"},
		{"Wiegand's site", `"bits": 37`, `"bits": 26, "site": 256`, "/gate/wiegand/site", "allowed 0 to 255"},
		{"an empty gate", `"relay": {"chip": "pinctrl-bcm2711", "line": 24, "open": "3s"},
    "wiegand": {"data0": {"chip": "pinctrl-bcm2711", "line": 5}, "data1": {"chip": "pinctrl-bcm2711", "line": 6}, "bits": 37}`, "", "/gate", "neither relay nor wiegand"},
		{"lamps that stand nowhere", `    "lamps": [
      {"at": [[-14.5, -22], [39.5, -22], [-14.5, 22], [39.5, 22]], "card": [0.15, 0.15, 0.15]},
      {"at": [[-21.5, -15], [46.5, -15], [-21.5, 15], [46.5, 15]], "card": [0.15, 0, 0]},
      {"at": [[-21.5, -24], [46.5, -24], [-21.5, 24], [46.5, 24]], "card": [0.1, 0, 0]}
    ]`, `    "lamps": [{"at": [[0,0],[0,0],[0,0],[0,0]], "card": [0,0,0]}, {"at": [[0,0],[0,0],[0,0],[0,0]], "card": [0,0,0]}, {"at": [[0,0],[0,0],[0,0],[0,0]], "card": [0,0,0]}]`,
			"/calibration/lamps", "takes no palm for a living one"},
		{"boot", `"0x200000"`, `"0x200001"`, "/boot", "kernel_address"},
		{"overlay elsewhere", `"wiring.dtso"`, `"../wiring.dtso"`, "/boot", "overlay"},
		{"one camera live", `"driver:uvcvideo"`, `"live:10.0.2.100:7007"`, "/nir/device", "both cameras are real"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(good, c.old) {
				t.Fatalf("board.json has no %q to change", c.old)
			}
			_, err := Parse([]byte(strings.Replace(good, c.old, c.new, 1)))
			var found Problems
			if !errors.As(err, &found) {
				t.Fatalf("Parse = %v, want a problem of %s", err, c.path)
			}
			for _, p := range found {
				if p.Path == c.path && strings.Contains(p.Says, c.says) || c.path == "/boot" && within(p.Path, c.path) && strings.Contains(p.String(), c.says) {
					return
				}
			}
			t.Errorf("%s: %q is not among\n%v", c.path, c.says, err)
		})
	}
}

// Two gaps of one descriptor are both named, also where one of them is of form.
func TestParseNamesAll(t *testing.T) {
	text := strings.NewReplacer(`"fps": 30`, `"fps": 0`, `"fps": 77`, `"fps": []`, `"bits": 37`, `"bits": 38`).Replace(rpi4JSON(t))
	_, err := Parse([]byte(text))
	for _, path := range []string{"/rgb/fps: 0", "/nir/fps: a list", "/gate/wiegand/bits: 38"} {
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s is not named in %v", path, err)
		}
	}
	if strings.Count(err.Error(), "/nir/fps") != 1 {
		t.Errorf("a field of a wrong form is complained about twice: %v", err)
	}
}

func TestReaders(t *testing.T) {
	b, err := Parse([]byte(rpi4JSON(t)))
	if err != nil {
		t.Fatal(err)
	}
	if k := b.Console.Kernel(); k != "ttyS1,115200" {
		t.Errorf("console is %q for the kernel", k)
	}
	if b.Lit() != 76*time.Millisecond || b.Simulated() {
		t.Errorf("a shot is lit for %v; simulated %v", b.Lit(), b.Simulated())
	}
	for device, want := range map[string][2]string{
		"sim:rgb": {"sim", "rgb"}, "tape:/a/b": {"tape", "/a/b"}, "live:h:1": {"live", "h:1"}, "name:x": {}, "/dev/video0": {}, "": {},
	} {
		if kind, what := (&Camera{Device: device}).StandIn(); kind != want[0] || what != want[1] {
			t.Errorf("StandIn(%q) = %q, %q", device, kind, what)
		}
	}
}
