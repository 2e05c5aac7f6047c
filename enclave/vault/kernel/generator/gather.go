package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// gather512 asks for the rows first, which lie anywhere, and takes the first words meanwhile; n counts
// blocks of 8 slots. Where the words of a slot lie is counted in words, in 31 bits: galleries end at 16 GiB.
func gather512() {
	function("gatherAVX512", "to *byte, slots *uint32, n int, glances *byte, rest *byte")
	to, slots, n := pointer("to"), pointer("slots"), pointer("n")
	glances, rest := pointer("glances"), pointer("rest")
	slot, left := GP64(), GP64()
	MOVQ(n, left)
	SHLQ(U8(3), left)
	Label("ask")
	MOVL(Mem{Base: slots, Index: left, Scale: 4, Disp: -4}, slot.As32())
	SHLQ(U8(6), slot)
	PREFETCHT0(Mem{Base: rest, Index: slot, Scale: 1})
	DECQ(left)
	JNZ(LabelRef("ask"))

	// The first words of slot 8b+l are from word 64b+l on, 8 words apart.
	from, lane, low, all := YMM(), YMM(), YMM(), K()
	MOVL(U32(lanes-1), slot.As32())
	VPBROADCASTD(slot.As32(), low)
	words := func(label string, base Mem, first, count, step int, locate func()) {
		s, o := GP64(), GP64()
		MOVQ(slots, s)
		MOVQ(to, o)
		MOVQ(n, left)
		Label(label)
		VMOVDQU(at(s, 0), from)
		locate()
		for w := range count {
			word := ZMM()
			KXNORB(all, all, all)
			base.Disp = step * w
			VPXORQ(word, word, word)
			VPGATHERDQ(base, all, word)
			VMOVDQU64(word, at(o, 64*(first+w)))
		}
		ADDQ(U8(4*lanes), s)
		ADDQ(U32(64*coarseWords), o)
		DECQ(left)
		JNZ(LabelRef(label))
	}
	words("glance", Mem{Base: glances, Index: from, Scale: 8}, 0, glanceWords, 64, func() {
		VPAND(low, from, lane)
		VPANDN(from, low, from)
		VPSLLD(U8(3), from, from)
		VPADDD(lane, from, from)
	})
	words("rest", Mem{Base: rest, Index: from, Scale: 8}, glanceWords, coarseWords-glanceWords, 8, func() {
		VPSLLD(U8(3), from, from)
	})
	done()
}
