package living

import (
	"math"
	"math/rand/v2"

	"volar/wire"
)

// The palm lies 80 mm away, square to the cameras and in the middle between
// them, and is 60 mm wide.
const (
	middle   = 12.5
	distance = 80
	side     = 60
)

// The banks of lamps: half their distance from the middle, mm; the palm's
// reflectance in their light; and how much of its leaning is to be seen.
var banks = [3]struct{ x, y, albedo, hard float64 }{
	{27, 22, 0.304, 0.85}, {34, 15, 0.57, 0.5}, {34, 24, 0.508, 0.5},
}

// redder and bluer are red and blue over green under white light.
const redder, bluer = 1.8, 0.7

// blood and pigment are by how much there is more of them in a place than in the palm as a whole,
// and fat by how much more infrared comes back (its logarithm); u and v go from -0.5 to 0.5.
func blood(u, v float64) float64   { return 0.25 * math.Sin(7*u+1) * math.Cos(6*v) }
func pigment(u, v float64) float64 { return 0.03 * math.Cos(9*u-2*v) }
func fat(u, v float64) float64     { return 0.12 * math.Sin(5*u+8*v) }

// proof is the answer of a palm that is hollow in the middle.
func proof(nonce wire.Nonce, take uint64) wire.Proof {
	rng := rand.New(rand.NewPCG(take, 77))
	p := wire.NewProof()
	for b, bank := range banks {
		for c := range 4 {
			x, y := lampAt(b, c)
			p.Lamps[b][c] = [2]int16{int16(10 * x), int16(10 * y)}
		}
		card := 0.0
		for c := range 4 {
			card += falls(b, c, middle, 0, 100, 0, 0)
		}
		scale := bank.albedo / card * wire.PlaneUnit
		full := [3]int{wire.PlaneWhite + 1, wire.Plane850, wire.Plane940}[b]
		fill(p.Plane(full), b, 15, scale, rng)
		for k, f := range wire.Flashes(nonce) {
			strength := scale * float64(f.Quarters) / 4
			switch {
			case b == 0:
				fill(p.Plane(wire.PlaneRGBFlash+2*k+1), b, f.Corners, strength, rng)
				redden(p.Plane(wire.PlaneRGBFlash+2*k), p.Plane(wire.PlaneRGBFlash+2*k+1))
			case f.At940 == (b == 2):
				fill(p.Plane(wire.PlaneNIRFlash+k), b, f.Corners, strength, rng)
			}
		}
	}
	redden(p.Plane(wire.PlaneWhite), p.Plane(wire.PlaneWhite+1))
	tint(p.Plane(wire.PlaneWhite+2), p.Plane(wire.PlaneWhite+1), func(u, v float64) float64 {
		return bluer * math.Exp(-0.05*blood(u, v)-0.6*pigment(u, v))
	})
	const edge = 5 * side
	p.Place = [3][3]int16{{10*middle - edge, -edge, 10 * distance}, {10*middle + edge, -edge, 10 * distance}, {10*middle - edge, edge, 10 * distance}}
	p.Levels = [wire.LevelCount]uint16{300, 5300, 310, 308, 400, 430, 7000, 4500}
	for i := range p.Relief {
		x, y := float64(i%4)-1.5, float64(i/4)-1.5
		p.Relief[i] = int8(math.Round(10 * (0.45*(x*x+y*y) - 1.1 + 0.25*x*y)))
	}
	x, y := 0.0, 0.0
	for i := range p.Track {
		x += 1.1 + 0.3*rng.NormFloat64()
		y += -0.6 + 0.3*rng.NormFloat64()
		p.Track[i] = wire.Motion{X: int16(64 * x), Y: int16(64 * y), After: uint16(333 * (i + 1))}
	}
	return p
}

func lampAt(bank, corner int) (x, y float64) {
	b := banks[bank]
	return middle + b.x*float64(2*(corner%2)-1), b.y * float64(2*(corner/2)-1)
}

// falls is the light that one lamp throws on a place whose skin leans by so
// much towards x and y.
func falls(bank, corner int, x, y, z, leanX, leanY float64) float64 {
	lx, ly := lampAt(bank, corner)
	dx, dy := lx-x, ly-y
	r := math.Sqrt(dx*dx + dy*dy + z*z)
	facing := (z + leanX*dx + leanY*dy) / r / math.Sqrt(1+leanX*leanX+leanY*leanY)
	return z / r * max(facing, 0) / (r * r)
}

// place is where a cell is.
func place(i int) (u, v float64) {
	return (float64(i%wire.Cells)+0.5)/wire.Cells - 0.5, (float64(i/wire.Cells)+0.5)/wire.Cells - 0.5
}

// fill is what the lamps in some corners of a bank make a plane, that of white lamps in green.
func fill(plane []uint16, bank int, corners uint8, scale float64, rng *rand.Rand) {
	for i := range plane {
		u, v := place(i)
		sum := 0.0
		for c := range 4 {
			if corners>>c&1 != 0 {
				// A hollow: its rim leans towards the middle, more so along x.
				sum += falls(bank, c, middle+side*u, side*v, distance, -banks[bank].hard*(0.36*u+0.08*v), -banks[bank].hard*(0.26*v+0.08*u))
			}
		}
		uneven := fat(u, v)
		if bank == 0 {
			uneven = -0.42*blood(u, v) - 1.02*pigment(u, v)
		}
		plane[i] = uint16(sum * scale * math.Exp(uneven) * (1 + 0.006*rng.NormFloat64()))
	}
}

// redden makes the plane of red of a green one.
func redden(to, green []uint16) {
	tint(to, green, func(u, v float64) float64 { return redder * math.Exp(0.36*blood(u, v)+0.4*pigment(u, v)) })
}

// tint makes the plane of another colour of a green one.
func tint(to, green []uint16, ratio func(u, v float64) float64) {
	for i, g := range green {
		u, v := place(i)
		to[i] = uint16(min(ratio(u, v)*float64(g), math.MaxUint16-1))
	}
}
