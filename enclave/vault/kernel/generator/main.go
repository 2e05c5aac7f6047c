// Command generator writes the amd64 kernels with avo: go generate, in the folder above.
//
// The functions trust their caller: counts are at least 1 and lengths fit. Three things about avo 0.6.0
// to know when changing them: its own x/tools does not compile on Go 1.26, hence the newer one
// in go.mod; it drops MOVL x, x and with it the zero extension; and VEX-only forms such as
// VEXTRACTI128 fail where it hands out registers from Y16 on.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Sizes that the Go side of the package defines.
const (
	coarseWords = 16
	glanceWords = 8
	lanes       = 8
	parts       = 8
	fineWords   = 48
	variantSize = 2*8*coarseWords + parts // bits, mask, biases
	fineSize    = 2*8*fineWords + 4*parts
	groupBytes  = (lanes + 1) * 8 * coarseWords
	rowBytes    = 24 // of a row of a whole code
	side        = 32 // rows of a whole code
	bandRows    = 8  // rows of a block
	filters     = 6  // at once
	taps        = 32 // of a filter's row
)

type vec = reg.VecVirtual

func main() {
	tables()
	coarse512("coarseAVX512", coarseWords)
	coarse512("glanceAVX512", glanceWords)
	gather512()
	fine512()
	differ512()
	below512()
	countBelow512()
	whole512()
	blocks512()
	move512()
	hammingShort512()
	hamming4x512(16)
	hammingLong512()
	hamming4x512(64)
	filter512()
	stretch512()

	coarse2("coarseAVX2", coarseWords)
	coarse2("glanceAVX2", glanceWords)
	fine2()
	differ2()
	below2()
	countBelow2()
	whole2()
	blocks2()
	move2()
	hamming2()
	filter2()
	stretch2()
	Generate()
}

func function(name, signature string) {
	TEXT(name, NOSPLIT, "func("+signature+")")
	Pragma("noescape")
}

func pointer(name string) reg.GPVirtual { return Load(Param(name), GP64()).(reg.GPVirtual) }

// broadcast fills the lanes of a register with a parameter of 64 bits.
func broadcast(v vec, name string) {
	p, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	VPBROADCASTQ(p.Addr, v)
}

// at is a memory operand.
func at(base reg.Register, disp int) Mem { return Mem{Base: base, Disp: disp} }

// done ends a function that used vectors.
func done() {
	VZEROUPPER()
	RET()
}

// zmm makes n registers.
func zmm(n int) []vec {
	v := make([]vec, n)
	for i := range v {
		v[i] = ZMM()
	}
	return v
}

func ymm(n int) []vec {
	v := make([]vec, n)
	for i := range v {
		v[i] = YMM()
	}
	return v
}
