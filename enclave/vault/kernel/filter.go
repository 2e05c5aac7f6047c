package kernel

import "fmt"

// Taps is the width of a filter's rows.
const Taps = 32

// Filter evaluates filters where they are needed. A filter is rows of Taps weights;
// taps holds them one filter after the other. centres says where in the field a
// window's first value lies; its rows lie stride apart. out holds, filter by filter,
// the sum at each centre:
//
//	out[k*len(centres)+i] = sum of taps[k][r][c] * field[centres[i] + r*stride + c]
//
// in int32, which wraps around. Every window must lie within the field.
func Filter(out []int32, field []int16, stride int, centres []int32, taps []int16) {
	if len(centres) == 0 {
		return
	}
	filters := len(out) / len(centres)
	if filters == 0 || len(out) != filters*len(centres) || len(taps) == 0 || len(taps)%(filters*Taps) != 0 {
		panic(fmt.Sprintf("kernel: filter: %d sums and %d taps for %d centres", len(out), len(taps), len(centres)))
	}
	rows := len(taps) / filters / Taps
	last := len(field) - ((rows-1)*stride + Taps)
	for _, c := range centres {
		if c < 0 || int(c) > last || stride < 0 {
			panic(fmt.Sprintf("kernel: filter: a window at %d of %d values", c, len(field)))
		}
	}
	filter(out, field, stride, centres, taps)
}

func filterPlain(out []int32, field []int16, stride int, centres []int32, taps []int16) {
	size := len(taps) / (len(out) / len(centres))
	for i, c := range centres {
		for k := 0; k < len(taps)/size; k++ {
			var sum int32
			weights := taps[k*size:][:size]
			for at := int(c); len(weights) > 0; at += stride {
				for j, v := range field[at:][:Taps] {
					sum += int32(v) * int32(weights[j])
				}
				weights = weights[Taps:]
			}
			out[k*len(centres)+i] = sum
		}
	}
}
