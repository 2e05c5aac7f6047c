package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	bendRow = 5
	bends   = bendRow * bendRow
	chains  = 16
)

// stretch512 has all 16 chains in a register, stretch2 half of them at a time. The rows'
// transforms wait in a local buffer for the columns'.
func stretch512() { stretch("stretchAVX512", 64, ZMM) }
func stretch2()   { stretch("stretchAVX2", 32, YMM) }

func stretch(name string, width int, register func() reg.VecVirtual) {
	// The buffer is more than a function may have that does not look whether the stack is large enough.
	TEXT(name, 0, "func(next, out, before, cost, more *int32, stiffness int32)")
	Pragma("noescape")
	next, out, before := pointer("next"), pointer("out"), pointer("before")
	cost, more := pointer("cost"), pointer("more")
	rows := AllocLocal(bends * width)
	var prices [bendRow]vec
	p, err := Param("stiffness").Resolve()
	if err != nil {
		panic(err)
	}
	for d := 1; d < bendRow; d++ {
		price, v := GP32(), register()
		IMUL3L(U8(d*d), p.Addr, price)
		VMOVD(price, v.AsX())
		VPBROADCASTD(v.AsX(), v)
		prices[d] = v
	}
	const line = 4 * chains
	parts := line / width
	left := GP64()
	if parts > 1 {
		MOVQ(U32(parts), left)
		Label("part")
	}
	least := register()
	for y := range bendRow {
		in := make([]vec, bendRow)
		for x := range in {
			in[x] = register()
			load(at(before, (y*bendRow+x)*line), in[x])
		}
		for x := range in {
			store(near(in, prices, x, register), rows.Offset((y*bendRow+x)*width))
		}
	}
	for x := range bendRow {
		in := make([]vec, bendRow)
		for y := range in {
			in[y] = register()
			load(rows.Offset((y*bendRow+x)*width), in[y])
		}
		for y := range in {
			v := near(in, prices, y, register)
			if x == 0 && y == 0 {
				move(v, least)
			} else {
				VPMINSD(v, least, least)
			}
			store(v, rows.Offset((y*bendRow+x)*width))
		}
	}
	for i := range bends {
		m, s := register(), register()
		load(rows.Offset(i*width), m)
		VPSUBD(least, m, m)
		VPADDD(at(cost, i*line), m, s)
		VPADDD(at(more, i*line), m, m)
		store(s, at(next, i*line))
		store(m, at(out, i*line))
	}
	if parts > 1 {
		for _, q := range []reg.GPVirtual{next, out, before, cost, more} {
			ADDQ(U8(width), q)
		}
		DECQ(left)
		JNZ(LabelRef("part"))
	}
	done()
}

// near is the least of what is in, each with the price of its distance from one place.
func near(in []vec, prices [bendRow]vec, at int, register func() reg.VecVirtual) vec {
	v, t := register(), register()
	first := true
	for i := range in {
		if i == at {
			continue
		}
		if first {
			VPADDD(prices[max(i-at, at-i)], in[i], v)
			first = false
			continue
		}
		VPADDD(prices[max(i-at, at-i)], in[i], t)
		VPMINSD(t, v, v)
	}
	VPMINSD(in[at], v, v)
	return v
}

func isZ(v reg.Register) bool { return v.Size() == 64 }

func load(m Mem, v vec) {
	if isZ(v) {
		VMOVDQU32(m, v)
	} else {
		VMOVDQU(m, v)
	}
}

func store(v vec, m Mem) {
	if isZ(v) {
		VMOVDQU32(v, m)
	} else {
		VMOVDQU(v, m)
	}
}

func move(from, to vec) {
	if isZ(from) {
		VMOVDQA32(from, to)
	} else {
		VMOVDQA(from, to)
	}
}
