package main

import (
	"volar/eval"
	"volar/firmware/vision"
	"volar/wire"
)

var _ eval.Cropper = cropHand

// cropHand cuts the palm out of one picture of a whole hand with the device's own vision.
func cropHand(pix []byte, width, height, channels int) (wire.Hand, wire.View, error) {
	palm, crop, err := vision.Still(pix, width, height, channels)
	if err != nil {
		return 0, wire.View{}, err
	}
	band := wire.RGB
	if channels == 1 {
		band = wire.NIR
	}
	return palm.Hand, wire.View{Band: band, Pix: crop.Pix, Mask: crop.Mask[:]}, nil
}
