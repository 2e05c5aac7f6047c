package liveness

import "math"

// albedo is the reflectance in the light of a bank, the median over the cells:
// light given back over light thrown there.
func (s *scene) albedo(bank int) float64 {
	v := make([]float64, len(s.cells))
	for i := range s.cells {
		v[i] = s.cells[i].full[bank] / s.cells[i].all(bank)
	}
	return median(v)
}

// water is the logarithm of 850 over 940 nm, less what melanin explains of it,
// whose absorption falls between the two by 0.136 of what it falls by from 610 to
// 850 nm. Water absorbs six times as much at 940 nm as at 850 nm (Hale and Querry 1973,
// table 1), and skin is mostly water; paper, rubber and wax are not.
func water(s *scene) float64 { return math.Log(s.albedo(at850)/s.albedo(at940)) - 0.136*melanin(s) }

// melanin is the logarithm of red over 850 nm: the tone of the skin.
func melanin(s *scene) float64 { return blood(s) + math.Log(s.albedo(white)/s.albedo(at850)) }

// skinIsAlike is how alike the detail at 850 and at 940 nm is. Melanin and
// both haemoglobins absorb about alike at the two (Jacques 2013, figures 4 and
// 7), so one palm shows the same there, in shots taken one after the other;
// the crops of two different shots do not.
func skinIsAlike(s *scene) float64 {
	if s.at940 == nil {
		return math.NaN()
	}
	return fisher(likeness(s.at850, s.at940, s.in))
}

// translucency is the contrast of what both bands show, near infrared over
// green, by least squares. Skin scatters near infrared over millimetres and
// hardly absorbs it, which fills the shadow of a crease and passes under its
// pigment, so creases there have half the contrast that they have in green.
// Toner and ink lie on the paper and have all or nothing of it: a print whose
// creases show in near infrared shows them harder than skin does, and one
// whose ink vanishes there shows none.
func translucency(s *scene) float64 {
	return logarithm(cross(s.at850, s.green, s.in)/cross(s.green, s.green, s.in), 0.05)
}

// notOnePicture is how alike the bands are: the agreement of creases. Creases
// are in both, so a palm is somewhat alike in them; veins and the finest
// lines are in one of them, so it is never quite. A print of a grey picture is.
func notOnePicture(s *scene) float64 { return fisher(likeness(s.at850, s.green, s.in)) }

// hidden is what the near-infrared bands show and colour does not.
func (s *scene) hidden() (a, b detail) {
	red := s.red.without(s.green, s.in)
	return s.at850.without(s.green, s.in).without(red, s.in), s.at940.without(s.green, s.in).without(red, s.in)
}

// veins is the contrast of what near infrared shows and colour does not: the
// detail that 850 and 940 nm share, less what green and red explain of it.
// Sensor noise is not shared, so it does not count. Veins 1 to 3 mm wide take
// 5 to 25 % of the light where they are, less in cold hands, and cover some
// tenth of the palm; lines of toner are in both bands.
func veins(s *scene) float64 {
	if s.at940 == nil {
		return math.NaN()
	}
	a, b := s.hidden()
	return logarithm(root(cross(a, b, s.in)), 1e-3)
}

// veinSpectrum is the contrast of the same at 940 nm over that at 850. Blood
// in veins, some 70 % of it oxygenated, absorbs nearly as much at 940 as at
// 850 nm (Jacques 2013, figure 4), and water a little more; carbon absorbs alike at both, dyes
// less and less as the wavelength grows.
func veinSpectrum(s *scene) float64 {
	if s.at940 == nil {
		return math.NaN()
	}
	a, b := s.hidden()
	return cross(a, b, s.in) / max(cross(a, a, s.in), 1e-9)
}
