package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"volar/hal"
	"volar/hal/tape"
)

// A contact sheet has the shots of a wave from left to right, line by line:
// the RGB frame above the NIR one, and below them number and exposures, and
// the light: as wide as the longest name of one.
const (
	thumbWidth  = 176
	thumbHeight = 132
	textHeight  = 13 // of basicfont.Face7x13
	caption     = 2*textHeight + 4
	acrossSheet = 8
	maxOnSheet  = 64 // shots; a wave has fewer
)

// contactSheets writes one PNG a wave into dir.
func contactSheets(ctx context.Context, path, dir string) error {
	r, closer, err := openTape(path)
	if err != nil {
		return err
	}
	defer closer.Close()
	if !r.Meta().Synthetic {
		return usageError{fmt.Errorf("%s: real people are on this tape: no picture of it is written", path)}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return usageError{err}
	}
	s := &sheets{dir: dir}
	err = eachItem(ctx, r, s.add)
	if errors.Is(err, tape.ErrTruncated) || errors.Is(err, tape.ErrDamaged) {
		err = nil // the summary tells; what was readable is drawn
	}
	return errors.Join(err, s.flush())
}

// sheets collects the shots of a wave.
type sheets struct {
	dir   string
	wave  int
	shots []thumb
}

type thumb struct {
	rgb, nir *image.RGBA
	text     [2]string // lines
}

func (s *sheets) add(i tape.Item) error {
	switch {
	case i.Event != nil && i.Event.Name == tape.EventNear:
		return s.flush()
	case i.Shot != nil:
		s.shots = append(s.shots, thumb{shrink(&i.Shot.RGB), shrink(&i.Shot.NIR), describe(i.Shot)})
		if len(s.shots) == maxOnSheet {
			return s.flush()
		}
	}
	return nil
}

func describe(s *hal.Shot) [2]string {
	return [2]string{fmt.Sprintf("%d  %.1f/%.1f ms", s.RGB.Seq, s.RGB.Exposure.Seconds()*1e3, s.NIR.Exposure.Seconds()*1e3), s.Light.String()}
}

// flush writes the sheet of the shots so far.
func (s *sheets) flush() error {
	if len(s.shots) == 0 {
		return nil
	}
	s.wave++
	const cell = 2*thumbHeight + caption
	lines := (len(s.shots) + acrossSheet - 1) / acrossSheet
	m := image.NewRGBA(image.Rect(0, 0, acrossSheet*thumbWidth, lines*cell))
	for i := range m.Pix {
		m.Pix[i] = 0xff
	}
	for i, t := range s.shots {
		x, y := i%acrossSheet*thumbWidth, i/acrossSheet*cell
		paste(m, t.rgb, x, y)
		paste(m, t.nir, x, y+thumbHeight)
		for line, text := range t.text {
			d := font.Drawer{Dst: m, Src: image.Black, Face: basicfont.Face7x13, Dot: fixed.P(x+3, y+2*thumbHeight+(line+1)*textHeight)}
			d.DrawString(text)
		}
	}
	s.shots = nil
	return savePNG(filepath.Join(s.dir, fmt.Sprintf("wave-%03d.png", s.wave)), m)
}

func savePNG(path string, m image.Image) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(png.Encode(f, m), f.Close())
}

func paste(to, from *image.RGBA, x, y int) {
	for row := range thumbHeight {
		copy(to.Pix[to.PixOffset(x, y+row):], from.Pix[row*from.Stride:row*from.Stride+4*thumbWidth])
	}
}

// shrink is the frame at the size of a thumbnail, each pixel the one of the
// frame that lies in its middle.
func shrink(f *hal.Frame) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, thumbWidth, thumbHeight))
	for y := range thumbHeight {
		for x := range thumbWidth {
			m.SetRGBA(x, y, pixel(f, (2*x+1)*f.Width/(2*thumbWidth), (2*y+1)*f.Height/(2*thumbHeight)))
		}
	}
	return m
}

// pixel is the colour of one pixel of a frame.
func pixel(f *hal.Frame, x, y int) color.RGBA {
	p := f.Pix[y*f.Stride+x*f.Format.BytesPerPixel():]
	switch f.Format {
	case hal.RGB24:
		return color.RGBA{p[0], p[1], p[2], 255}
	case hal.Y10:
		v := uint8(min((int(p[0])|int(p[1])<<8)>>2, 255))
		return color.RGBA{v, v, v, 255}
	}
	return color.RGBA{p[0], p[0], p[0], 255}
}
