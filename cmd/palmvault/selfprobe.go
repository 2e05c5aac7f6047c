package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"volar/enclave/confine"
)

const selfprobeUsage = "usage: palmvault --selfprobe [--json]: try on this machine what a running vault must die of"

// selfprobe reports what confinement is worth on this machine, and gives the
// exit code: 0 when everything is as it should be, 1 when not, 2 for a wrong use.
func selfprobe(args []string, out, complaints io.Writer) int {
	switch {
	case len(args) > 1 && args[0] == "--selfprobe-child":
		confine.Child(args[1:])
		return 0
	case args[0] != "--selfprobe", len(args) > 2, len(args) == 2 && args[1] != "--json":
		fmt.Fprintln(complaints, selfprobeUsage)
		return 2
	}
	r, err := confine.Probe(context.Background(), func(trial []string) []string {
		return slices.Concat([]string{"--selfprobe-child"}, trial)
	})
	if err == nil && len(args) == 2 {
		err = json.NewEncoder(out).Encode(r)
	} else if err == nil {
		_, err = r.WriteTo(out)
	}
	if err != nil {
		fmt.Fprintf(complaints, "palmvault: selfprobe: %v\n", err)
	}
	if err != nil || !r.OK {
		return 1
	}
	return 0
}
