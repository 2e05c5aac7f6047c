package kernel

// Bends is the number of displacements of a block, BendRow by BendRow, and Chains the
// number of chains of blocks that Stretch works on side by side.
const (
	BendRow = 5
	Bends   = BendRow * BendRow
	Chains  = 16
)

// Costs are those of the displacements of one block in each chain.
type Costs [Bends][Chains]int32

// Stretch passes a message along chains of blocks, as belief propagation does. The message says for
// each displacement of the next block what the block before it costs at least,
//
//	message[i] = least over j of before[j] + stiffness * (distance from i to j)^2,
//
// less the least of all messages of the chain. next becomes cost + message and out becomes more +
// message; next may be cost, and out may be more. Values stay below 2^31.
func Stretch(next, out, before, cost, more *Costs, stiffness int32) {
	stretch(next, out, before, cost, more, stiffness)
}

func stretchPlain(next, out, before, cost, more *Costs, stiffness int32) {
	for c := range Chains {
		var rows, message [Bends]int32
		for y := 0; y < Bends; y += BendRow {
			var in [BendRow]int32
			for x := range in {
				in[x] = before[y+x][c]
			}
			in = transform(in, stiffness)
			copy(rows[y:], in[:])
		}
		least := int32(1<<31 - 1)
		for x := range BendRow {
			var in [BendRow]int32
			for y := range in {
				in[y] = rows[y*BendRow+x]
			}
			for y, v := range transform(in, stiffness) {
				message[y*BendRow+x] = v
				least = min(least, v)
			}
		}
		for i, m := range message {
			m -= least
			next[i][c] = cost[i][c] + m
			out[i][c] = more[i][c] + m
		}
	}
}

// transform is the distance transform along one axis.
func transform(in [BendRow]int32, stiffness int32) (out [BendRow]int32) {
	a, b, c, d, e := in[0], in[1], in[2], in[3], in[4]
	p1, p2, p3, p4 := stiffness, 4*stiffness, 9*stiffness, 16*stiffness
	out[0] = min(a, b+p1, c+p2, d+p3, e+p4)
	out[1] = min(a+p1, b, c+p1, d+p2, e+p3)
	out[2] = min(a+p2, b+p1, c, d+p1, e+p2)
	out[3] = min(a+p3, b+p2, c+p1, d, e+p1)
	out[4] = min(a+p4, b+p3, c+p2, d+p1, e)
	return out
}
