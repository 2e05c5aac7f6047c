package replay

import (
	"bytes"
	"encoding/base64"
	"html/template"
	"image"
	"image/color"
	"image/png"
	"os"

	"volar/hal"
	"volar/hal/tape"
)

// Picture is one frame of a tape, as a PNG in a data address.
type Picture struct {
	Light, Band string
	URL         template.URL
}

const (
	pictureWidth  = 200
	pictureHeight = 150
)

// Pictures are those of the last burst of a wave: what the cameras saw under
// white and near-infrared light. Tapes of real people give none.
func Pictures(path string, wave int) []Picture {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	t, err := tape.Open(f)
	if err != nil || !t.Meta().Synthetic {
		return nil
	}
	var list []Picture
	for n := 0; ; {
		i, err := t.Next()
		if err != nil {
			return list
		}
		switch {
		case i.Event != nil && i.Event.Name == tape.EventNear:
			n++
		case i.Event != nil && i.Event.Name == tape.EventGone && n == wave:
			return list
		case i.Event != nil && i.Event.Name == tape.EventChallenge && n == wave:
			list = nil
		case i.Shot != nil && n == wave:
			list = add(list, i.Shot)
		}
	}
}

// add keeps the frames in which something is to be seen.
func add(list []Picture, s *hal.Shot) []Picture {
	var f *hal.Frame
	switch s.Light {
	case hal.White:
		f = &s.RGB
	case hal.NIR850, hal.NIR940:
		f = &s.NIR
	default:
		return list
	}
	url, err := address(shrink(f))
	if err != nil {
		return list
	}
	p := Picture{s.Light.String(), f.Band.String(), url}
	for i := range list { // a look under the same light came before
		if list[i].Light == p.Light {
			list[i] = p
			return list
		}
	}
	return append(list, p)
}

func address(m image.Image) (template.URL, error) {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		return "", err
	}
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes())), nil
}

// shrink is the frame in small, each pixel a mean.
func shrink(f *hal.Frame) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, pictureWidth, pictureHeight))
	for y := range pictureHeight {
		for x := range pictureWidth {
			m.SetRGBA(x, y, mean(f, x, y))
		}
	}
	return m
}

func mean(f *hal.Frame, px, py int) color.RGBA {
	x0, x1 := px*f.Width/pictureWidth, max((px+1)*f.Width/pictureWidth, px*f.Width/pictureWidth+1)
	y0, y1 := py*f.Height/pictureHeight, max((py+1)*f.Height/pictureHeight, py*f.Height/pictureHeight+1)
	var sum [3]int
	n := 0
	for y := y0; y < min(y1, f.Height); y++ {
		for x := x0; x < min(x1, f.Width); x++ {
			c := colour(f, x, y)
			for i := range sum {
				sum[i] += int(c[i])
			}
			n++
		}
	}
	n = max(n, 1)
	return color.RGBA{uint8(sum[0] / n), uint8(sum[1] / n), uint8(sum[2] / n), 255}
}

func colour(f *hal.Frame, x, y int) [3]uint8 {
	p := f.Pix[y*f.Stride+x*f.Format.BytesPerPixel():]
	switch f.Format {
	case hal.RGB24:
		return [3]uint8{p[0], p[1], p[2]}
	case hal.Y10:
		v := uint8(min((int(p[0])|int(p[1])<<8)>>2, 255))
		return [3]uint8{v, v, v}
	}
	return [3]uint8{p[0], p[0], p[0]}
}
