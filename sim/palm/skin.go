package palm

import "math"

// The colour of skin: light scattered back by the dermis, weakened by
// melanin and by blood on its way (after Jacques 2013, "Optical properties of
// biological tissues: a review"). Channels: red, green, blue as an RGB camera
// with an IR-cut filter sees them, 850 nm, 940 nm.
const (
	red = iota
	green
	blue
	nir850
	nir940
	channels
)

// scattering is the reflectance of bloodless, unpigmented palm skin.
var scattering = [channels]float64{0.78, 0.70, 0.62, 0.70, 0.64}

// melaninLoss is the optical density of a fully pigmented palm (Fitzpatrick
// VI; palms hold far less melanin than the back of the hand) at 610, 530,
// 460, 850 and 940 nm: wavelength to the power -3.48.
var melaninLoss = [channels]float64{0.62, 1.02, 1.62, 0.20, 0.14}

// bloodLoss is the optical density of the usual amount of blood, from the
// absorption of 75 % oxygenated haemoglobin averaged over each channel; at
// 940 nm water is included.
var bloodLoss = [channels]float64{0.06, 0.42, 0.47, 0.05, 0.08}

// veinLoss is how much of the light a thick superficial vein takes away.
// Deep red shows a trace of it.
var veinLoss = [channels]float64{0.035, 0.02, 0, 0.27, 0.235}

// creaseLoss is how much of the light a deep crease swallows by shadow and by
// the darker skin at its bottom. Longer waves travel farther in the skin and
// fill the shadow.
var creaseLoss = [channels]float64{0.44, 0.54, 0.56, 0.18, 0.165}

// creasePigment is how much darker yet the creases of dark palms are.
var creasePigment = [channels]float64{0.16, 0.2, 0.2, 0.03, 0.02}

// albedo is the diffuse reflectance for amounts of melanin (0 to 1) and blood
// (1 is usual).
func albedo(channel int, melanin, blood float64) float64 {
	return scattering[channel] * math.Exp(-melaninLoss[channel]*melanin-bloodLoss[channel]*blood)
}
