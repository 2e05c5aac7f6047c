package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Truth tables for VPTERNLOGQ, which numbers its cases by destination, second and first source.
const (
	differDst = 0x48 // (dst ^ src) & second
	differAnd = 0x60 // (second ^ src) & dst
)

// count adds the popcount of x to one of the sums, or begins it; x is used up.
func count(sum []vec, i int, x vec) {
	if i < len(sum) {
		VPOPCNTQ(x, sum[i])
		return
	}
	VPOPCNTQ(x, x)
	VPADDQ(x, sum[i%len(sum)], sum[i%len(sum)])
}

// total adds the sums up into the first.
func total(sum []vec) vec {
	for n := len(sum); n > 1; n /= 2 {
		for i := range n / 2 {
			VPADDQ(sum[n/2+i], sum[i], sum[i])
		}
	}
	return sum[0]
}

// coarse512 holds a block of palms in registers and runs the variants past them. The mask is
// free: its load is a broadcast, which costs no arithmetic port, and one VPTERNLOGQ does both
// the difference and the masking. Parts are bytes, so one register counts all parts of all eight palms.
// Whole codes, while what comes next is asked for some lines with each variant, because all at once would wait for each
// other; or their first half alone, which lies in blocks of its own.
func coarse512(name string, words int) {
	const linesAtOnce = 3
	ahead := words == coarseWords
	signature := "out *uint16, blocks *byte, n int, probe *uint64, variants int"
	if ahead {
		signature += ", next *byte, lines int"
	}
	function(name, signature)
	o, b, n := pointer("out"), pointer("blocks"), pointer("n")
	first, variants := pointer("probe"), pointer("variants")
	var next, lines reg.GPVirtual
	if ahead {
		next, lines = pointer("next"), pointer("lines")
	}
	p, left := GP64(), GP64()
	palms, least, zero := zmm(words), ZMM(), ZMM()
	VPXORQ(zero, zero, zero)
	Label("block")
	for w, g := range palms {
		VMOVDQU64(at(b, 64*w), g)
		PREFETCHT0(at(b, 64*w+4096))
	}
	MOVQ(first, p)
	MOVQ(variants, left)
	VPTERNLOGD(U8(0xff), least, least, least)
	Label("variant")
	bias, sum := ZMM(), zmm(2)
	VPBROADCASTQ(at(p, 16*coarseWords), bias)
	for w, g := range palms {
		x := ZMM()
		VPBROADCASTQ(at(p, 8*(coarseWords+w)), x)
		VPTERNLOGQ_BCST(U8(differAnd), at(p, 8*w), g, x)
		if w < len(sum) {
			VPOPCNTB(x, sum[w])
		} else {
			VPOPCNTB(x, x)
			VPADDB(x, sum[w%2], sum[w%2])
		}
	}
	VPADDB(sum[1], sum[0], sum[0]) // at most 128
	VPADDUSB(bias, sum[0], sum[0])
	VPMINUB(sum[0], least, least)
	ADDQ(U32(variantSize), p)
	if ahead {
		SUBQ(U8(linesAtOnce), lines)
		JS(LabelRef("asked"))
		for i := range linesAtOnce {
			PREFETCHT1(at(next, 64*i))
		}
		ADDQ(U32(64*linesAtOnce), next)
		Label("asked")
	}
	DECQ(left)
	JNZ(LabelRef("variant"))
	VPSADBW(zero, least, least)
	VPMOVQW(least, at(o, 0))
	ADDQ(U8(2*lanes), o)
	ADDQ(U32(64*words), b)
	DECQ(n)
	JNZ(LabelRef("block"))
	done()
}

// fine512 takes the parts one after the other, two blocks of palms at a time, so that what is
// read of a probe that no longer fits the first cache serves both. A last block without a
// partner is taken twice.
func fine512() {
	const partWords = fineWords / parts
	function("fineAVX512", "out *uint16, blocks *byte, n int, probe *uint64, variants int")
	o, a, n := pointer("out"), pointer("blocks"), pointer("n")
	first, variants := pointer("probe"), pointer("variants")
	b, o2, begin, p, left, part := GP64(), GP64(), GP64(), GP64(), GP64(), GP64()
	Label("pair")
	LEAQ(at(a, 64*fineWords), b)
	LEAQ(at(o, 2*lanes), o2)
	CMPQ(n, U8(1))
	CMOVQEQ(a, b)
	CMOVQEQ(o, o2)
	sums := zmm(2)
	for _, s := range sums {
		VPXORQ(s, s, s)
	}
	MOVQ(first, begin)
	XORQ(part, part)
	Label("part")
	palms := [2][]vec{zmm(partWords), zmm(partWords)}
	for i, from := range [2]reg.Register{a, b} {
		for w, g := range palms[i] {
			VMOVDQU64(at(from, 64*w), g)
		}
	}
	least := zmm(2)
	for _, l := range least {
		VPTERNLOGD(U8(0xff), l, l, l)
	}
	bias := GP64()
	LEAQ(Mem{Base: first, Index: part, Scale: 4, Disp: 16 * fineWords}, bias)
	MOVQ(begin, p)
	MOVQ(variants, left)
	Label("variant")
	counts := [2][]vec{zmm(1), zmm(1)}
	for w := range partWords {
		mask, bits := ZMM(), ZMM()
		VPBROADCASTQ(at(p, 8*(fineWords+w)), mask)
		VPBROADCASTQ(at(p, 8*w), bits)
		for i := range palms {
			x := ZMM()
			VMOVDQA64(bits, x)
			VPTERNLOGQ(U8(differDst), palms[i][w], mask, x)
			count(counts[i], w, x)
		}
	}
	for i, l := range least {
		VPADDD_BCST(at(bias, 0), counts[i][0], counts[i][0])
		VPMINUD(counts[i][0], l, l)
	}
	ADDQ(U32(fineSize), p)
	ADDQ(U32(fineSize), bias)
	DECQ(left)
	JNZ(LabelRef("variant"))
	for i, s := range sums {
		VPADDD(least[i], s, s)
	}
	ADDQ(U32(64*partWords), a)
	ADDQ(U32(64*partWords), b)
	ADDQ(U8(8*partWords), begin)
	INCQ(part)
	CMPQ(part, U8(parts))
	JNE(LabelRef("part"))
	VPMOVQW(sums[0], at(o, 0))
	VPMOVQW(sums[1], at(o2, 0))
	ADDQ(U8(2*2*lanes), o)
	ADDQ(U32(64*fineWords), a) // past the partner
	SUBQ(U8(2), n)
	JG(LabelRef("pair"))
	done()
}

// differ512 holds one palm in registers and runs groups of probes past it.
func differ512() {
	function("differAVX512", "out *uint16, packed *byte, n int, code *uint64")
	o, b, n, c := pointer("out"), pointer("packed"), pointer("n"), pointer("code")
	palm := zmm(coarseWords)
	for w, g := range palm {
		VPBROADCASTQ(at(c, 8*w), g)
	}
	Label("group")
	sum := zmm(2)
	for w, g := range palm {
		x := ZMM()
		VPBROADCASTQ(at(b, 64*coarseWords+8*w), x)
		VPTERNLOGQ(U8(differAnd), at(b, 64*w), g, x)
		count(sum, w, x)
	}
	VPMOVQW(total(sum), at(o, 0))
	ADDQ(U8(2*lanes), o)
	ADDQ(U32(groupBytes), b)
	DECQ(n)
	JNZ(LabelRef("group"))
	done()
}

// below512 looks at 32 scores at a time; n counts such groups. The indices of the hits are pressed together, 16 at a time, by a
// store of as many as there are, so that nothing hangs on how many; the last that fit are listed one by one.
func below512() {
	function("belowAVX512", "out *uint32, room int, scores *uint16, n int, bound uint16) (listed int")
	o, room, s, n := pointer("out"), pointer("room"), pointer("scores"), pointer("n")
	bound := Load(Param("bound"), GP32())
	limit, index, next := ZMM(), ZMM(), ZMM()
	VPBROADCASTW(bound.(reg.GP).As32(), limit)
	VPMOVZXBD(upTo16, index)
	step := GP32()
	MOVL(U32(16), step)
	VPBROADCASTD(step, next)
	listed, hits, many := GP64(), GP32(), GP32()
	XORQ(listed, listed)
	Label("group")
	x, k := ZMM(), K()
	VMOVDQU16(at(s, 0), x)
	VPCMPUW(U8(1), limit, x, k)
	KMOVD(k, hits)
	POPCNTL(hits, many)
	ADDQ(listed, many.As64())
	CMPQ(many.As64(), room)
	JG(LabelRef("last"))
	for range 2 {
		pressed, low := ZMM(), K()
		half := GP32()
		KMOVW(hits, low)
		VPCOMPRESSD_Z(index, low, pressed)
		MOVWLZX(hits.As16(), half)
		PEXTL(half, half, many) // as many ones as there are
		KMOVW(many, low)
		VMOVDQU32(pressed, low, Mem{Base: o, Index: listed, Scale: 4})
		POPCNTL(half, half)
		ADDQ(half.As64(), listed)
		VPADDD(next, index, index)
		SHRL(U8(16), hits)
	}
	ADDQ(U8(64), s)
	DECQ(n)
	JNZ(LabelRef("group"))
	Label("full")
	Store(listed, Return("listed"))
	done()

	Label("last")
	base, hit := GP32(), GP32()
	VMOVD(index.AsX(), base)
	Label("hit")
	CMPQ(listed, room)
	JE(LabelRef("full"))
	BSFL(hits, hit)
	BLSRL(hits, hits)
	ADDL(base, hit)
	MOVL(hit, Mem{Base: o, Index: listed, Scale: 4})
	INCQ(listed)
	JMP(LabelRef("hit"))
}

// countBelow512 looks at 32 scores at a time; n counts such groups.
func countBelow512() {
	function("countBelowAVX512", "scores *uint16, n int, bound uint16) (count int")
	s, n := pointer("scores"), pointer("n")
	bound := Load(Param("bound"), GP32())
	limit := ZMM()
	VPBROADCASTW(bound.(reg.GP).As32(), limit)
	tally(s, n, func() reg.GPVirtual {
		k, hits := K(), GP32()
		x := ZMM()
		VMOVDQU16(at(s, 0), x)
		VPCMPUW(U8(1), limit, x, k)
		KMOVD(k, hits)
		return hits
	})
}

// tally is the part of countBelow that is the same for all tiers: group leaves the hits among 32 scores as bits.
func tally(s, n reg.GPVirtual, group func() reg.GPVirtual) {
	count := GP64()
	XORQ(count, count)
	Label("group")
	hits := group()
	POPCNTL(hits, hits)
	ADDQ(hits.As64(), count)
	ADDQ(U8(64), s)
	DECQ(n)
	JNZ(LabelRef("group"))
	Store(count, Return("count"))
	done()
}

// hammingShort512 keeps the probe in registers.
func hammingShort512() {
	function("hamming16AVX512", "out *uint16, blocks *byte, n int, probe *uint64")
	o, b, n, p := pointer("out"), pointer("blocks"), pointer("n"), pointer("probe")
	probe := zmm(coarseWords)
	for w, q := range probe {
		VPBROADCASTQ(at(p, 8*w), q)
	}
	Label("block")
	sum := zmm(4)
	for w, q := range probe {
		x := ZMM()
		VPXORQ(at(b, 64*w), q, x)
		count(sum, w, x)
		PREFETCHT0(at(b, 64*w+4096))
	}
	VPMOVQW(total(sum), at(o, 0))
	ADDQ(U8(2*lanes), o)
	ADDQ(U32(64*coarseWords), b)
	DECQ(n)
	JNZ(LabelRef("block"))
	done()
}

// hammingLong512 broadcasts the probe from memory.
func hammingLong512() {
	const words = 64
	function("hamming64AVX512", "out *uint16, blocks *byte, n int, probe *uint64")
	o, b, n, p := pointer("out"), pointer("blocks"), pointer("n"), pointer("probe")
	Label("block")
	sum := zmm(4)
	for w := range words {
		x := ZMM()
		VMOVDQU64(at(b, 64*w), x)
		VPXORQ_BCST(at(p, 8*w), x, x)
		count(sum, w, x)
		PREFETCHT0(at(b, 64*w+4096))
	}
	VPMOVQW(total(sum), at(o, 0))
	ADDQ(U8(2*lanes), o)
	ADDQ(U32(64*words), b)
	DECQ(n)
	JNZ(LabelRef("block"))
	done()
}

// hamming4x512 reads each word of the gallery once for four probes.
func hamming4x512(words int) {
	function(fmt.Sprintf("hamming4x%dAVX512", words),
		"out0, out1, out2, out3 *uint16, blocks *byte, n int, probe0, probe1, probe2, probe3 *uint64")
	var o, p [4]reg.GPVirtual
	for i := range o {
		o[i], p[i] = pointer(fmt.Sprintf("out%d", i)), pointer(fmt.Sprintf("probe%d", i))
	}
	b, n := pointer("blocks"), pointer("n")
	Label("block")
	var sums [4][]vec
	for i := range sums {
		sums[i] = zmm(2)
	}
	for w := range words {
		g := ZMM()
		VMOVDQU64(at(b, 64*w), g)
		for i := range sums {
			x := ZMM()
			VPXORQ_BCST(at(p[i], 8*w), g, x)
			count(sums[i], w, x)
		}
	}
	for i := range sums {
		VPMOVQW(total(sums[i]), at(o[i], 0))
		ADDQ(U8(2*lanes), o[i])
	}
	ADDQ(U32(64*words), b)
	DECQ(n)
	JNZ(LabelRef("block"))
	done()
}
