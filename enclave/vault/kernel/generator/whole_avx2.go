package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// compare2 gives the care that two codes share, and where they differ under it.
func compare2(pb, pc, b, c reg.Register, disp int) (m, x vec) {
	m, x = YMM(), YMM()
	VMOVDQU(at(pc, disp), m)
	VPAND(at(c, disp), m, m)
	VMOVDQU(at(pb, disp), x)
	VPXOR(at(b, disp), x, x)
	VPAND(m, x, x)
	return m, x
}

// whole2 sums up by bytes: 24 registers of at most 8 fit.
func whole2() {
	function("wholeAVX2", "out *uint16, probeBits, probeCare, bits, care *uint64")
	o := pointer("out")
	pb, pc, b, c := pointer("probeBits"), pointer("probeCare"), pointer("bits"), pointer("care")
	k := newCounter()
	differ, valid := YMM(), YMM()
	for i := range side * rowBytes / 32 {
		m, x := compare2(pb, pc, b, c, 32*i)
		k.add(differ, i == 0, x)
		k.add(valid, i == 0, m)
	}
	k.quads(differ)
	k.quads(valid)
	VPSLLQ(U8(16), valid, valid)
	VPADDQ(valid, differ, differ)
	t := YMM()
	VEXTRACTI128(U8(1), differ, t.AsX())
	VPADDQ(t.AsX(), differ.AsX(), differ.AsX())
	VPSHUFD(U8(0x4e), differ.AsX(), t.AsX())
	VPADDQ(t.AsX(), differ.AsX(), differ.AsX())
	VMOVD(differ.AsX(), at(o, 0))
	done()
}

func move2() {
	function("moveAVX2", "to, from *uint64, right, left, columns uint64")
	to, from := pointer("to"), pointer("from")
	right, left, columns := YMM(), YMM(), YMM()
	broadcast(right, "right")
	broadcast(left, "left")
	broadcast(columns, "columns")
	for i := range side * rowBytes / 32 {
		x := YMM()
		VMOVDQU(at(from, 32*i), x)
		VPSLLQ(right.AsX(), x, x)
		VPSRLQ(left.AsX(), x, x)
		VPAND(columns, x, x)
		VMOVDQU(x, at(to, 32*i))
	}
	done()
}

func blocks2() {
	function("blocksAVX2", "out *uint16, probeBits, probeCare, bits, care *uint64")
	o := pointer("out")
	pb, pc, b, c := pointer("probeBits"), pointer("probeCare"), pointer("bits"), pointer("care")
	k := newCounter()
	for by := range side / bandRows {
		sums := [2]vec{YMM(), YMM()}
		for i := range bandRows * rowBytes / 32 {
			m, x := compare2(pb, pc, b, c, by*bandRows*rowBytes+32*i)
			k.add(sums[0], i == 0, x)
			k.add(sums[1], i == 0, m)
		}
		for _, s := range sums {
			t := YMM()
			VEXTRACTI128(U8(1), s, t.AsX())
			VPADDB(t.AsX(), s.AsX(), s.AsX())
		}
		storeBand(o, by, sums)
	}
	done()
}

// filter2 runs 6 filters over one window at a time.
func filter2() {
	function("filterAVX2", "out *int32, field *int16, stride int, centres *int32, n int, taps *int16, rows int")
	o, f, stride, c := pointer("out"), pointer("field"), pointer("stride"), pointer("centres")
	n, t0, rows := pointer("n"), pointer("taps"), pointer("rows")
	ADDQ(stride, stride) // bytes
	i, a, t, r := GP64(), GP64(), GP64(), GP64()
	XORQ(i, i)
	Label("window")
	MOVLQSX(Mem{Base: c, Index: i, Scale: 4}, a)
	LEAQ(Mem{Base: f, Index: a, Scale: 2}, a)
	sums := ymm(filters)
	for _, s := range sums {
		VPXOR(s, s, s)
	}
	MOVQ(t0, t)
	MOVQ(rows, r)
	Label("row")
	for half := range 2 {
		v := YMM()
		VMOVDQU(at(a, 32*half), v)
		for k, s := range sums {
			x := YMM()
			VPMADDWD(at(t, 64*k+32*half), v, x)
			VPADDD(x, s, s)
		}
	}
	ADDQ(stride, a)
	ADDQ(U32(64*filters), t)
	DECQ(r)
	JNZ(LabelRef("row"))
	LEAQ(Mem{Base: o, Index: i, Scale: 4}, a)
	for _, s := range sums {
		h := YMM()
		VEXTRACTI128(U8(1), s, h.AsX())
		store4(s, h, a, n)
	}
	INCQ(i)
	CMPQ(i, n)
	JL(LabelRef("window"))
	done()
}
