package eval

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"

	"golang.org/x/image/draw"

	"volar/wire"
)

// squareSide is the side of the palm square on an adult's hand, in
// centimetres: the mean of the synthetic palms, 1.1 times 42 mm from outer valley to outer valley.
const squareSide = 4.66

// The ranges that a photo's conditions are drawn from, evenly unless said
// otherwise; README.md gives the reasons.
const (
	densityLow, densityHigh = 40, 60     // pixels per centimetre of palm
	blurLow, blurHigh       = 0.12, 0.40 // deviation of lens and denoising, millimetres
	smearHigh               = 1.0        // movement during the exposure, millimetres
	exposureStops           = 0.7        // either way of right
	balanceStops            = 0.35       // of red and of blue against green, either way
	wellLow, wellHigh       = 500, 4000  // electrons at full scale, evenly on a logarithmic scale
	readNoise               = 4          // electrons
	gammaLow, gammaHigh     = 1.8, 2.6   // of the tone curve; 2.2 is the one that pictures are read with
	qualityLow, qualityHigh = 70, 92     // of the JPEG
	sceneGamma              = 2.2
)

// Phone makes each sample as a phone would have photographed it: its view in
// white light is enlarged to the pixels of a phone photo, blurred, exposed,
// and compressed, then cut to wire.Side again. What happens to a sample
// depends on the seed and its ID alone. A sample with a view in near infrared is refused when it is read.
func Phone(samples []Sample, seed uint64) []Sample {
	out := make([]Sample, len(samples))
	for i, s := range samples {
		out[i] = s
		out[i].Views = func() (wire.Hand, []wire.View, error) {
			hand, views, err := s.Views()
			if err != nil {
				return hand, nil, err
			}
			photos := make([]wire.View, len(views))
			for n, v := range views {
				if v.Band != wire.RGB {
					return 0, nil, errors.New("eval: degrade phone: a phone has no near infrared: name a band for rgb alone")
				}
				if photos[n], err = photograph(v, phoneRand(seed, s.ID)); err != nil {
					return 0, nil, fmt.Errorf("eval: degrade phone: %w", err)
				}
			}
			return hand, photos, nil
		}
	}
	return out
}

func phoneRand(seed uint64, id string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(id))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// photograph takes a phone's picture of a view.
func photograph(v wire.View, rng *rand.Rand) (wire.View, error) {
	between := func(low, high float64) float64 { return low + (high-low)*rng.Float64() }
	density := between(densityLow, densityHigh)
	side := int(math.Round(density * squareSide))
	scene := newLightField(v, side)
	perMM := density / 10
	scene.blur(between(blurLow, blurHigh) * perMM)
	scene.smear(smearHigh*rng.Float64()*perMM, math.Pi*rng.Float64())
	exposure := math.Exp2(between(-exposureStops, exposureStops))
	balance := [3]float64{math.Exp2(between(-balanceStops, balanceStops)), 1, math.Exp2(between(-balanceStops, balanceStops))}
	well := wellLow * math.Pow(wellHigh/wellLow, rng.Float64())
	gamma := between(gammaLow, gammaHigh)
	photo := scene.develop(exposure, balance, well, gamma, rng)
	var file bytes.Buffer
	if err := jpeg.Encode(&file, photo, &jpeg.Options{Quality: qualityLow + rng.IntN(qualityHigh-qualityLow+1)}); err != nil {
		return wire.View{}, err
	}
	read, err := jpeg.Decode(&file)
	if err != nil {
		return wire.View{}, err
	}
	square := image.NewRGBA(image.Rect(0, 0, wire.Side, wire.Side))
	draw.CatmullRom.Scale(square, square.Bounds(), read, read.Bounds(), draw.Src, nil)
	out := wire.View{Band: v.Band, Pix: make([]byte, 0, len(v.Pix)), Mask: bytes.Clone(v.Mask)}
	for i := 0; i < len(square.Pix); i += 4 {
		out.Pix = append(out.Pix, square.Pix[i:i+3]...)
	}
	return out, nil
}

// A lightField is linear light of three colours, 1 at full scale.
type lightField struct {
	side int
	v    [3][]float64
}

// newLightField enlarges a view in white light to side by side pixels.
func newLightField(v wire.View, side int) *lightField {
	small := image.NewRGBA(image.Rect(0, 0, wire.Side, wire.Side))
	for i := range wire.Side * wire.Side {
		copy(small.Pix[4*i:], v.Pix[3*i:3*i+3])
		small.Pix[4*i+3] = 255
	}
	large := image.NewRGBA(image.Rect(0, 0, side, side))
	draw.CatmullRom.Scale(large, large.Bounds(), small, small.Bounds(), draw.Src, nil)
	var linear [256]float64
	for i := range linear {
		linear[i] = math.Pow(float64(i)/255, sceneGamma)
	}
	f := &lightField{side: side}
	for c := range f.v {
		f.v[c] = make([]float64, side*side)
		for i := range f.v[c] {
			f.v[c][i] = linear[large.Pix[4*i+c]]
		}
	}
	return f
}

// blur spreads light by a Gaussian of a deviation in pixels.
func (f *lightField) blur(sigma float64) {
	reach := int(math.Ceil(3 * sigma))
	taps, sum := make([]float64, 2*reach+1), 0.0
	for i := range taps {
		d := float64(i-reach) / sigma
		taps[i] = math.Exp(-d * d / 2)
		sum += taps[i]
	}
	for i := range taps {
		taps[i] /= sum
	}
	f.average(len(taps), func(i int) (x, y, weight float64) { return float64(i - reach), 0, taps[i] })
	f.average(len(taps), func(i int) (x, y, weight float64) { return 0, float64(i - reach), taps[i] })
}

// smear spreads light along a movement of a length in pixels.
func (f *lightField) smear(length, angle float64) {
	steps := int(math.Ceil(length)) + 1
	if steps < 2 {
		return
	}
	sin, cos := math.Sincos(angle)
	f.average(steps, func(i int) (x, y, weight float64) {
		at := (float64(i)/float64(steps-1) - 0.5) * length
		return at * cos, at * sin, 1 / float64(steps)
	})
}

// average replaces each pixel by a weighted sum of n others, to the nearest
// pixel; beyond the border the border's light goes on.
func (f *lightField) average(n int, tap func(i int) (x, y, weight float64)) {
	for c := range f.v {
		out := make([]float64, len(f.v[c]))
		for i := range n {
			x, y, weight := tap(i)
			dx, dy := int(math.Round(x)), int(math.Round(y))
			for row := range f.side {
				from := f.v[c][min(max(row+dy, 0), f.side-1)*f.side:][:f.side]
				to := out[row*f.side:][:f.side]
				for col := range to {
					to[col] += weight * from[min(max(col+dx, 0), f.side-1)]
				}
			}
		}
		f.v[c] = out
	}
}

// develop exposes a sensor with a well of so many electrons at full scale, and
// turns what it counts into a picture.
func (f *lightField) develop(exposure float64, balance [3]float64, well, gamma float64, rng *rand.Rand) image.Image {
	const levels = 4096
	var tone [levels + 1]uint8
	for i := range tone {
		tone[i] = uint8(math.Round(255 * math.Pow(float64(i)/levels, 1/gamma)))
	}
	photo := image.NewRGBA(image.Rect(0, 0, f.side, f.side))
	for i := range f.side * f.side {
		var px [3]uint8
		for c := range px {
			electrons := min(f.v[c][i]*exposure, 1) * well
			electrons += math.Sqrt(electrons+readNoise*readNoise) * rng.NormFloat64()
			px[c] = tone[int(min(max(electrons/well*balance[c], 0), 1)*levels)]
		}
		photo.SetRGBA(i%f.side, i/f.side, color.RGBA{px[0], px[1], px[2], 255})
	}
	return photo
}
