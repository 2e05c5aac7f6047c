package eval

import (
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // the formats that real sets come in
	_ "image/png"
	"os"

	"golang.org/x/image/draw"

	_ "golang.org/x/image/bmp"

	"volar/wire"
)

// maxPixels bounds a picture before it is decoded.
const maxPixels = 64 << 20

// readPicture decodes a JPEG, PNG or BMP file.
func readPicture(path string) (image.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head, _, err := image.DecodeConfig(f)
	if err != nil {
		return nil, err
	}
	if head.Width < 1 || head.Height < 1 || head.Width > maxPixels/head.Height {
		return nil, fmt.Errorf("%d by %d pixels, at most %d are read", head.Width, head.Height, maxPixels)
	}
	if _, err := f.Seek(0, 0); err != nil {
		return nil, err
	}
	picture, _, err := image.Decode(f)
	return picture, err
}

// roiView makes a view of a crop: resized to wire.Side, mirrored when it
// shows a right hand, every cell valid. A grey crop becomes three equal
// channels for white light; a colour crop becomes its luminance for near infrared.
func roiView(picture image.Image, hand wire.Hand, band wire.Band) wire.View {
	square := image.NewRGBA(image.Rect(0, 0, wire.Side, wire.Side))
	draw.BiLinear.Scale(square, square.Bounds(), picture, picture.Bounds(), draw.Src, nil)
	v := wire.View{
		Band: band,
		Pix:  make([]byte, 0, wire.Side*wire.Side*band.Channels()),
		Mask: make([]byte, wire.MaskBytes),
	}
	for i := range v.Mask {
		v.Mask[i] = 0xff
	}
	for y := range wire.Side {
		for x := range wire.Side {
			from := x
			if hand == wire.Right {
				from = wire.Side - 1 - x
			}
			v.Pix = appendPixel(v.Pix, square.RGBAAt(from, y), band.Channels())
		}
	}
	return v
}

// rawPixels is a picture as bytes, row by row, with 1 or 3 channels.
func rawPixels(picture image.Image, channels int) (pix []byte, width, height int) {
	b := picture.Bounds()
	pix = make([]byte, 0, b.Dx()*b.Dy()*channels)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			pix = appendPixel(pix, color.RGBAModel.Convert(picture.At(x, y)).(color.RGBA), channels)
		}
	}
	return pix, b.Dx(), b.Dy()
}

func appendPixel(pix []byte, c color.RGBA, channels int) []byte {
	if channels == 3 {
		return append(pix, c.R, c.G, c.B)
	}
	return append(pix, color.GrayModel.Convert(c).(color.Gray).Y)
}
