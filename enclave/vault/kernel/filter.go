package kernel

import "fmt"

// A bank is Filters filters, whose rows have Taps weights each.
const (
	Filters = 6
	Taps    = 32
)

// Filter evaluates a bank of filters where they are needed. taps holds rows of Filters
// times Taps weights: a row of the first filter, the same row of the second, and so on.
// centres says where in the field a window's first value lies; the rows of a window lie
// stride apart. out has a sum for each filter and centre:
//
//	out[k*len(centres)+i] = sum over r and c of taps[(r*Filters+k)*Taps+c] * field[centres[i]+r*stride+c]
//
// in int32, which wraps around. Every window must lie within the field.
func Filter(out []int32, field []int16, stride int, centres []int32, taps []int16) {
	if len(out) != Filters*len(centres) || len(taps) == 0 || len(taps)%(Filters*Taps) != 0 || stride < 0 {
		panic(fmt.Sprintf("kernel: filter: %d sums, %d taps, %d centres, rows %d apart", len(out), len(taps), len(centres), stride))
	}
	last := len(field) - ((len(taps)/(Filters*Taps)-1)*stride + Taps)
	for _, c := range centres {
		if c < 0 || int(c) > last {
			panic(fmt.Sprintf("kernel: filter: a window at %d of %d values", c, len(field)))
		}
	}
	if len(centres) > 0 {
		filter(out, field, stride, centres, taps)
	}
}

func filterPlain(out []int32, field []int16, stride int, centres []int32, taps []int16) {
	for i, c := range centres {
		var sums [Filters]int32
		at := int(c)
		for row := taps; len(row) > 0; row = row[Filters*Taps:] {
			window := field[at:][:Taps]
			for k := range sums {
				weights := row[k*Taps:][:Taps]
				for j, v := range window {
					sums[k] += int32(v) * int32(weights[j])
				}
			}
			at += stride
		}
		for k, s := range sums {
			out[k*len(centres)+i] = s
		}
	}
}
