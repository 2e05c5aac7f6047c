# env.sh, sourced with ARCH set (default: this machine's): the environment in which cgo finds OpenCV and links only the
# parts of it that are used. Plain `go build ./...` needs none of this where the system has libopencv-dev 4.6.
#
# lld with --gc-sections drops the OpenCV modules that the program does not reach: 25 shared libraries instead of 264.
ARCH=${ARCH:-$(dpkg --print-architecture)}
case $ARCH in
amd64) T=x86_64-linux-gnu ;;
arm64) T=aarch64-linux-gnu ;;
*) echo "env: architecture $ARCH?" >&2; exit 2 ;;
esac
export CGO_ENABLED=1 GOOS=linux GOARCH=$ARCH
export CGO_CFLAGS="-O2 -ffunction-sections" CGO_CXXFLAGS="-O2 -ffunction-sections -fdata-sections -std=c++11"
LINK="-s -w -linkmode=external"
EXT="-fuse-ld=lld -Wl,--gc-sections -Wl,--as-needed"
TAGS=
if [ "$ARCH" != "$(dpkg --print-architecture)" ]; then
	export CC=$T-gcc CXX=$T-g++
	# The cross gcc must find TARGET-ld.lld on PATH; with -B the Go linker's probes miss it and nothing is dropped.
	mkdir -p build/cross
	ln -sfn "$(command -v ld.lld)" "build/cross/$T-ld.lld"
	export PATH=$PWD/build/cross:$PATH
fi
if [ -d "build/opencv-$ARCH" ]; then
	S=$PWD/build/opencv-$ARCH
	TAGS=customenv # gocv's own tag for flags from the environment instead of pkg-config
	CGO_CXXFLAGS+=" -I$S/usr/include/opencv4"
	export CGO_LDFLAGS="-L$S/usr/lib/$T -lopencv_calib3d -lopencv_dnn -lopencv_imgproc -lopencv_core"
	# RPATH, not RUNPATH: it also serves OpenCV's own libraries when they load theirs.
	EXT+=" -Wl,--disable-new-dtags -Wl,-rpath,$S/usr/lib/$T -Wl,--allow-shlib-undefined"
fi
LDFLAGS="$LINK -extldflags '$EXT'"
