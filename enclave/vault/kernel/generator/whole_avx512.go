package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// whole512 compares 12 registers of rows.
func whole512() {
	function("wholeAVX512", "out *uint16, probeBits, probeCare, bits, care *uint64")
	o := pointer("out")
	pb, pc, b, c := pointer("probeBits"), pointer("probeCare"), pointer("bits"), pointer("care")
	differ, valid := zmm(2), zmm(2)
	for i := range side * rowBytes / 64 {
		m, x := compare512(pb, pc, b, c, 64*i)
		count(differ, i, x)
		count(valid, i, m)
	}
	d, v := total(differ), total(valid)
	VPSLLQ(U8(16), v, v)
	VPADDQ(v, d, d)
	t := ZMM()
	VEXTRACTI64X4(U8(1), d, t.AsY())
	VPADDQ(t.AsY(), d.AsY(), d.AsY())
	VEXTRACTI64X2(U8(1), d.AsY(), t.AsX())
	VPADDQ(t.AsX(), d.AsX(), d.AsX())
	VPSHUFD(U8(0x4e), d.AsX(), t.AsX())
	VPADDQ(t.AsX(), d.AsX(), d.AsX())
	VMOVD(d.AsX(), at(o, 0))
	done()
}

// compare512 gives the care that two codes share, and where they differ under it.
func compare512(pb, pc, b, c reg.Register, disp int) (m, x vec) {
	m, x = ZMM(), ZMM()
	VMOVDQU64(at(pc, disp), m)
	VPANDQ(at(c, disp), m, m)
	VMOVDQU64(at(pb, disp), x)
	VPTERNLOGQ(U8(differDst), at(b, disp), m, x)
	return m, x
}

// move512 moves 12 registers of rows; one of the two shifts is by nothing.
func move512() {
	function("moveAVX512", "to, from *uint64, right, left, columns uint64")
	to, from := pointer("to"), pointer("from")
	right, left, columns := ZMM(), ZMM(), ZMM()
	broadcast(right, "right")
	broadcast(left, "left")
	broadcast(columns, "columns")
	for i := range side * rowBytes / 64 {
		x := ZMM()
		VMOVDQU64(at(from, 64*i), x)
		VPSLLQ(right.AsX(), x, x)
		VPSRLQ(left.AsX(), x, x)
		VPANDQ(columns, x, x)
		VMOVDQU64(x, at(to, 64*i))
	}
	done()
}

// blocks512 counts by bytes: byte x of a word is block column x%4.
func blocks512() {
	function("blocksAVX512", "out *uint16, probeBits, probeCare, bits, care *uint64")
	o := pointer("out")
	pb, pc, b, c := pointer("probeBits"), pointer("probeCare"), pointer("bits"), pointer("care")
	for by := range side / bandRows {
		var sums [2]vec
		for i := range bandRows * rowBytes / 64 {
			m, x := compare512(pb, pc, b, c, by*bandRows*rowBytes+64*i)
			for j, v := range [2]vec{x, m} {
				VPOPCNTB(v, v)
				if i == 0 {
					sums[j] = v
				} else {
					VPADDB(v, sums[j], sums[j])
				}
			}
		}
		for _, s := range sums {
			t := ZMM()
			VEXTRACTI64X4(U8(1), s, t.AsY())
			VPADDB(t.AsY(), s.AsY(), s.AsY())
			VEXTRACTI64X2(U8(1), s.AsY(), t.AsX())
			VPADDB(t.AsX(), s.AsX(), s.AsX())
		}
		storeBand(o, by, sums)
	}
	done()
}

// storeBand ends a row of blocks: sums hold, in the bytes of two words, at most 96 each
// of what differs and of what is valid.
func storeBand(o reg.Register, by int, sums [2]vec) {
	for _, s := range sums {
		t := XMM()
		VPSHUFD(U8(0x4e), s.AsX(), t)
		VPADDB(t, s.AsX(), s.AsX()) // at most 192
		VPMOVZXBW(s.AsX(), s.AsX())
		VPSHUFD(U8(0x4e), s.AsX(), t)
		VPADDW(t, s.AsX(), s.AsX())
	}
	VPUNPCKLWD(sums[1].AsX(), sums[0].AsX(), sums[0].AsX())
	VMOVDQU(sums[0].AsX(), at(o, 16*by))
}

// filter512 runs 6 filters over 2 windows at a time, so that a row of taps is loaded once for both.
// An odd last window is taken twice.
func filter512() {
	function("filterAVX512", "out *int32, field *int16, stride int, centres *int32, n int, taps *int16, rows int")
	o, f, stride, c := pointer("out"), pointer("field"), pointer("stride"), pointer("centres")
	n, t0, rows := pointer("n"), pointer("taps"), pointer("rows")
	ADDQ(stride, stride) // bytes
	i, j := GP64(), GP64()
	a, b, t, r := GP64(), GP64(), GP64(), GP64()
	XORQ(i, i)
	Label("pair")
	LEAQ(Mem{Base: i, Disp: 1}, j)
	CMPQ(j, n)
	CMOVQEQ(i, j)
	for _, w := range [2][2]reg.GPVirtual{{a, i}, {b, j}} {
		MOVLQSX(Mem{Base: c, Index: w[1], Scale: 4}, w[0])
		LEAQ(Mem{Base: f, Index: w[0], Scale: 2}, w[0])
	}
	sums := zmm(2 * filters)
	for _, s := range sums {
		VPXORD(s, s, s)
	}
	MOVQ(t0, t)
	MOVQ(rows, r)
	Label("row")
	left, right := ZMM(), ZMM()
	VMOVDQU16(at(a, 0), left)
	VMOVDQU16(at(b, 0), right)
	for k := range filters {
		w := ZMM()
		VMOVDQU16(at(t, 64*k), w)
		VPDPWSSD(w, left, sums[k])
		VPDPWSSD(w, right, sums[filters+k])
	}
	ADDQ(stride, a)
	ADDQ(stride, b)
	ADDQ(U32(64*filters), t)
	DECQ(r)
	JNZ(LabelRef("row"))
	for _, s := range sums {
		h := ZMM()
		VEXTRACTI64X4(U8(1), s, h.AsY())
		VPADDD(h.AsY(), s.AsY(), s.AsY())
	}
	for w, index := range [2]reg.GPVirtual{i, j} {
		LEAQ(Mem{Base: o, Index: index, Scale: 4}, a)
		for k := range filters {
			s := sums[w*filters+k]
			h := YMM()
			VEXTRACTI32X4(U8(1), s.AsY(), h.AsX())
			store4(s, h, a, n)
		}
	}
	ADDQ(U8(2), i)
	CMPQ(i, n)
	JL(LabelRef("pair"))
	done()
}

// store4 adds the 4+4 values of the two registers up, stores the sum at p, and moves p on
// by n values.
func store4(s, h vec, p, n reg.GPVirtual) {
	VPADDD(h.AsX(), s.AsX(), s.AsX())
	VPSHUFD(U8(0x4e), s.AsX(), h.AsX())
	VPADDD(h.AsX(), s.AsX(), s.AsX())
	VPSHUFD(U8(0xb1), s.AsX(), h.AsX())
	VPADDD(h.AsX(), s.AsX(), s.AsX())
	VMOVD(s.AsX(), at(p, 0))
	LEAQ(Mem{Base: p, Index: n, Scale: 4}, p)
}
