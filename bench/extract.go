package main

import (
	"fmt"

	"volar/enclave/vault/matcher"
	"volar/wire"
)

// extract measures what a shot costs before anything is compared.
func extract(b *bench) error {
	v := views(3)
	c, err := matcher.Encode(wire.Right, v)
	if err != nil {
		return err
	}
	code := each(func() {
		c, err := matcher.Encode(wire.Right, v)
		if err == nil {
			c.Wipe()
		}
	})
	probe := each(func() { matcher.NewProbe(c).Wipe() })
	b.below("signature of both bands of one shot", 1e3*code, "ms", 12, fmt.Sprintf("%.0f signatures/s and core", 1/code))
	b.add("the same in every pose of the search", 1e3*probe, "ms", "once a probe")
	return nil
}
