package kernel

// The functions of kernels_arm64.s trust their caller: counts are at least 1, lengths fit.

//go:noescape
func coarseNEON(out *uint16, blocks *byte, n int, probe *uint64, variants, words int)

//go:noescape
func fineNEON(out *uint16, blocks *byte, n int, probe *uint64, variants int)

//go:noescape
func differNEON(out *uint16, packed *byte, n int, code *uint64)

//go:noescape
func wholeNEON(out *uint16, probeBits, probeCare, bits, care *uint64)

//go:noescape
func moveNEON(to, from *uint64, right int64, columns uint64)

//go:noescape
func blocksNEON(out *uint16, probeBits, probeCare, bits, care *uint64)

//go:noescape
func hammingNEON(out *uint16, blocks *byte, n int, probe *uint64, quarters int)

//go:noescape
func filterNEON(out *int32, field *int16, stride int, centres *int32, n int, taps *int16, rows int)

//go:noescape
func stretchNEON(next, out, before, cost, more *int32, stiffness int32)
