package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Tables of the popcount by VPSHUFB (Muła, Kurz and Lemire 2018, section 3), and the numbers from 0 on.
var nibbleCounts, lowNibbles, upTo16 Mem

func tables() {
	upTo16 = GLOBL("upTo16", RODATA|NOPTR)
	for i := range 16 {
		DATA(i, U8(i))
	}
	nibbleCounts = GLOBL("nibbleCounts", RODATA|NOPTR)
	for i := range 32 {
		n := i % 16
		DATA(i, U8(n&1+n>>1&1+n>>2&1+n>>3))
	}
	lowNibbles = GLOBL("lowNibbles", RODATA|NOPTR)
	for i := range 32 {
		DATA(i, U8(0x0f))
	}
}

// A counter counts the bits of bytes.
type counter struct{ table, low, zero vec }

func newCounter() counter {
	c := counter{YMM(), YMM(), YMM()}
	VMOVDQU(nibbleCounts, c.table)
	VMOVDQU(lowNibbles, c.low)
	VPXOR(c.zero, c.zero, c.zero)
	return c
}

// add adds the popcounts of the bytes of x to sum, or begins it; x is used up.
func (c counter) add(sum vec, begin bool, x vec) {
	h := YMM()
	VPSRLW(U8(4), x, h)
	VPAND(c.low, x, x)
	VPAND(c.low, h, h)
	VPSHUFB(x, c.table, x)
	VPSHUFB(h, c.table, h)
	if begin {
		VPADDB(x, h, sum)
		return
	}
	VPADDB(x, sum, sum)
	VPADDB(h, sum, sum)
}

// quads adds the bytes of each 64-bit lane up.
func (c counter) quads(sum vec) { VPSADBW(c.zero, sum, sum) }

// storeLanes writes the low words of 4+4 lanes of 64 bits.
func storeLanes(o reg.Register, low, high vec) {
	VPACKUSDW(high, low, low) // by halves: 0 1 4 5, 2 3 6 7, each with a zero after it
	VPERMQ(U8(0xd8), low, low)
	h := YMM()
	VEXTRACTI128(U8(1), low, h.AsX())
	VPACKUSDW(h.AsX(), low.AsX(), low.AsX())
	VMOVDQU(low.AsX(), at(o, 0))
}

// coarse2 counts the parts as coarse512 does, in four palms to a register.
func coarse2(name string, words int) {
	function(name, "out *uint16, blocks *byte, n int, probe *uint64, variants int")
	o, b, n := pointer("out"), pointer("blocks"), pointer("n")
	first, variants := pointer("probe"), pointer("variants")
	c := newCounter()
	p, left := GP64(), GP64()
	least := ymm(2)
	Label("block")
	for _, l := range least {
		VPCMPEQD(l, l, l)
	}
	MOVQ(first, p)
	MOVQ(variants, left)
	Label("variant")
	sums := ymm(2)
	for w := range words {
		bits, mask := YMM(), YMM()
		VPBROADCASTQ(at(p, 8*w), bits)
		VPBROADCASTQ(at(p, 8*(coarseWords+w)), mask)
		for half, s := range sums {
			x := YMM()
			VPXOR(at(b, 64*w+32*half), bits, x)
			VPAND(mask, x, x)
			c.add(s, w == 0, x)
		}
	}
	bias := YMM()
	VPBROADCASTQ(at(p, 16*coarseWords), bias)
	for half, s := range sums {
		VPADDUSB(bias, s, s)
		VPMINUB(s, least[half], least[half])
	}
	ADDQ(U32(variantSize), p)
	DECQ(left)
	JNZ(LabelRef("variant"))
	for w := range words {
		PREFETCHT0(at(b, 4096+64*w))
	}
	for _, l := range least {
		c.quads(l)
	}
	storeLanes(o, least[0], least[1])
	ADDQ(U8(2*lanes), o)
	ADDQ(U32(64*words), b)
	DECQ(n)
	JNZ(LabelRef("block"))
	done()
}

// fine2 takes the parts of a code one after the other, four palms to a register.
func fine2() {
	const partWords = fineWords / parts
	function("fineAVX2", "out *uint16, blocks *byte, n int, probe *uint64, variants int")
	o, b, n := pointer("out"), pointer("blocks"), pointer("n")
	first, variants := pointer("probe"), pointer("variants")
	c := newCounter()
	begin, p, bias, left, part := GP64(), GP64(), GP64(), GP64(), GP64()
	sums := ymm(2)
	Label("block")
	for _, s := range sums {
		VPXOR(s, s, s)
	}
	MOVQ(first, begin)
	XORQ(part, part)
	Label("part")
	least := ymm(2)
	for _, l := range least {
		VPCMPEQD(l, l, l)
	}
	MOVQ(begin, p)
	LEAQ(Mem{Base: first, Index: part, Scale: 4, Disp: 16 * fineWords}, bias)
	MOVQ(variants, left)
	Label("variant")
	counts := ymm(2)
	for w := range partWords {
		bits, mask := YMM(), YMM()
		VPBROADCASTQ(at(p, 8*w), bits)
		VPBROADCASTQ(at(p, 8*(fineWords+w)), mask)
		for half, s := range counts {
			x := YMM()
			VPXOR(at(b, 64*w+32*half), bits, x)
			VPAND(mask, x, x)
			c.add(s, w == 0, x)
		}
	}
	more := YMM()
	VPBROADCASTD(at(bias, 0), more)
	for half, s := range counts {
		c.quads(s)
		VPADDD(more, s, s)
		VPMINUD(s, least[half], least[half])
	}
	ADDQ(U32(fineSize), p)
	ADDQ(U32(fineSize), bias)
	DECQ(left)
	JNZ(LabelRef("variant"))
	for half, s := range sums {
		VPADDD(least[half], s, s)
	}
	for w := range partWords {
		PREFETCHT0(at(b, 4096+64*w))
	}
	ADDQ(U32(64*partWords), b)
	ADDQ(U8(8*partWords), begin)
	INCQ(part)
	CMPQ(part, U8(parts))
	JNE(LabelRef("part"))
	for _, s := range sums { // drop what the bias left in the high halves
		VPSLLQ(U8(32), s, s)
		VPSRLQ(U8(32), s, s)
	}
	storeLanes(o, sums[0], sums[1])
	ADDQ(U8(2*lanes), o)
	DECQ(n)
	JNZ(LabelRef("block"))
	done()
}

func differ2() {
	function("differAVX2", "out *uint16, packed *byte, n int, code *uint64")
	o, b, n, p := pointer("out"), pointer("packed"), pointer("n"), pointer("code")
	c := newCounter()
	Label("group")
	sums := ymm(2)
	for w := range coarseWords {
		palm, mask := YMM(), YMM()
		VPBROADCASTQ(at(p, 8*w), palm)
		VPBROADCASTQ(at(b, 64*coarseWords+8*w), mask)
		for half, s := range sums {
			x := YMM()
			VPXOR(at(b, 64*w+32*half), palm, x)
			VPAND(mask, x, x)
			c.add(s, w == 0, x)
		}
	}
	for _, s := range sums {
		c.quads(s)
	}
	storeLanes(o, sums[0], sums[1])
	ADDQ(U8(2*lanes), o)
	ADDQ(U32(groupBytes), b)
	DECQ(n)
	JNZ(LabelRef("group"))
	done()
}

// below2 needs a bound of at least 1.
func below2() {
	function("belowAVX2", "out *uint32, room int, scores *uint16, n int, bound uint16) (listed int")
	o, room, s, n := pointer("out"), pointer("room"), pointer("scores"), pointer("n")
	group := hits2(s)
	base, index, listed := GP32(), GP32(), GP64()
	XORL(base, base)
	XORQ(listed, listed)
	Label("group")
	hits := group()
	TESTL(hits, hits)
	JZ(LabelRef("next"))
	Label("hit")
	BSFL(hits, index)
	ADDL(base, index)
	MOVL(index, Mem{Base: o, Index: listed, Scale: 4})
	INCQ(listed)
	CMPQ(listed, room)
	JE(LabelRef("full"))
	LEAL(Mem{Base: hits.As64(), Disp: -1}, index)
	ANDL(index, hits)
	JNZ(LabelRef("hit"))
	Label("next")
	ADDL(U8(32), base)
	ADDQ(U8(64), s)
	DECQ(n)
	JNZ(LabelRef("group"))
	Label("full")
	Store(listed, Return("listed"))
	done()
}

// countBelow2 needs a bound of at least 1.
func countBelow2() {
	function("countBelowAVX2", "scores *uint16, n int, bound uint16) (count int")
	s, n := pointer("scores"), pointer("n")
	tally(s, n, hits2(s))
}

// hits2 finds the hits among 32 scores: a score is below the bound where the lesser of the two, less one, is the score.
func hits2(s reg.GPVirtual) func() reg.GPVirtual {
	bound := Load(Param("bound"), GP32()).(reg.GPVirtual)
	most := YMM()
	DECL(bound)
	VMOVD(bound, most.AsX())
	VPBROADCASTW(most.AsX(), most)
	return func() reg.GPVirtual {
		hits := GP32()
		x := ymm(2)
		for half, v := range x {
			m := YMM()
			VMOVDQU(at(s, 32*half), m)
			VPMINUW(m, most, v)
			VPCMPEQW(m, v, v)
		}
		VPACKSSWB(x[1], x[0], x[0])
		VPERMQ(U8(0xd8), x[0], x[0])
		VPMOVMSKB(x[0], hits)
		return hits
	}
}

// hamming2 sums up by bytes, 16 words at a time so that they fit. It serves both lengths of codes.
func hamming2() {
	function("hammingAVX2", "out *uint16, blocks *byte, n int, probe *uint64, quarters int")
	o, b, n := pointer("out"), pointer("blocks"), pointer("n")
	first, quarters := pointer("probe"), pointer("quarters")
	c := newCounter()
	p, left := GP64(), GP64()
	Label("block")
	sums := ymm(2)
	for _, s := range sums {
		VPXOR(s, s, s)
	}
	MOVQ(first, p)
	MOVQ(quarters, left)
	Label("quarter")
	counts := ymm(2)
	for w := range coarseWords {
		q := YMM()
		VPBROADCASTQ(at(p, 8*w), q)
		for half, s := range counts {
			x := YMM()
			VPXOR(at(b, 64*w+32*half), q, x)
			c.add(s, w == 0, x)
		}
		PREFETCHT0(at(b, 64*w+4096))
	}
	for half, s := range counts {
		c.quads(s)
		VPADDQ(s, sums[half], sums[half])
	}
	ADDQ(U32(8*coarseWords), p)
	ADDQ(U32(64*coarseWords), b)
	DECQ(left)
	JNZ(LabelRef("quarter"))
	storeLanes(o, sums[0], sums[1])
	ADDQ(U8(2*lanes), o)
	DECQ(n)
	JNZ(LabelRef("block"))
	done()
}
