package liveness

// Checks are the checks of the device. All must pass. README.md in this
// folder has what each of them measures on living and on false palms.
var Checks = []Check{
	lampsAnswer, onlyWhiteIsSeen, onlyInfraredIsSeen, skinIsAlike,
	blood, translucency, notOnePicture, veins, relief,
}

// lampsAnswer is the light of the room as a share of all light on the palm,
// the larger of both cameras'. A living palm a hand's breadth away is lit by
// the lamps: the sun behind a window adds less than they do. A screen shines
// by itself, and a picture that is fed in from a recording of another light
// does not answer at all.
var lampsAnswer = Check{
	Name: "lamps answer", Min: 0, Max: 0.6,
	Measure: func(e *Evidence) (float64, error) {
		return max(e.RGBLevels[Dark].perMS()/e.RGBLevels[White].perMS(),
			e.NIRLevels[Dark].perMS()/e.NIRLevels[At850].perMS(),
			e.NIRLevels[Dark].perMS()/e.NIRLevels[At940].perMS()), nil
	},
}

// onlyWhiteIsSeen is what the near-infrared lamps add to the colour picture,
// as a share of what white light adds. The colour camera's filter stops them
// (datasheets of such IR-cut filters: below 1 % from 780 to 1000 nm), so that
// more means frames that do not belong to their light.
var onlyWhiteIsSeen = Check{
	Name: "no infrared in colour", Min: -0.15, Max: 0.15,
	Measure: func(e *Evidence) (float64, error) {
		d, w := e.RGBLevels[Dark].perMS(), e.RGBLevels[White].perMS()
		return (max(e.RGBLevels[At850].perMS(), e.RGBLevels[At940].perMS()) - d) / (w - d), nil
	},
}

// onlyInfraredIsSeen is the same for white light in the near-infrared camera:
// white diodes emit nothing beyond 780 nm.
var onlyInfraredIsSeen = Check{
	Name: "no white in infrared", Min: -0.15, Max: 0.15,
	Measure: func(e *Evidence) (float64, error) {
		d := e.NIRLevels[Dark].perMS()
		return (e.NIRLevels[White].perMS() - d) / (e.NIRLevels[At850].perMS() - d), nil
	},
}

// skinIsAlike is how alike the detail at 850 and at 940 nm is. Melanin and
// both haemoglobins absorb about alike at the two (Jacques 2013, "Optical
// properties of biological tissues: a review", figures 4 and 7), so one palm
// shows the same there, in shots taken one after the other; the crops of two
// different shots do not.
var skinIsAlike = Check{
	Name: "850 like 940", Min: 0.6, Max: 1,
	Measure: func(e *Evidence) (float64, error) { return likeness(e.at850, e.at940, e.in), nil },
}

// blood is red over green under white light. Haemoglobin absorbs fifty times
// as much at 540 nm as at 630 nm (Jacques 2013, figure 4), so that skin of
// every tone, cold hands included, is redder than it is green. Grey pictures,
// such as prints of near-infrared ones, are not.
var blood = Check{
	Name: "blood", Min: 1.06, Max: 2.5,
	Measure: func(e *Evidence) (float64, error) {
		var red, green float64
		for _, i := range e.in {
			red += float64(e.RGB[3*i])
			green += float64(e.RGB[3*i+1])
		}
		return red / green, nil
	},
}

// translucency is the contrast of what both bands show, near infrared over
// green, by least squares. Skin scatters near infrared over millimetres and
// hardly absorbs it, which fills the shadow of a crease and passes under its
// pigment, so creases there have half the contrast that they have in green.
// Toner and ink lie on the paper and have all or nothing of it: a print whose
// creases show in near infrared shows them harder than skin does, and one
// whose ink vanishes there shows none.
var translucency = Check{
	Name: "translucency", Min: 0.1, Max: 1.22,
	Measure: func(e *Evidence) (float64, error) {
		return cross(e.at850, e.green, e.in) / cross(e.green, e.green, e.in), nil
	},
}

// notOnePicture is how alike the bands are. Creases are in both, so a palm is
// somewhat alike in them; veins and the finest lines are in one of them, so
// it is never quite. A print of a grey picture is.
var notOnePicture = Check{
	Name: "two pictures", Min: 0.08, Max: 0.92,
	Measure: func(e *Evidence) (float64, error) { return likeness(e.at850, e.green, e.in), nil },
}

// veins is the contrast of what near infrared shows and colour does not: the
// detail that 850 and 940 nm share, less what green and red explain of it.
// Sensor noise is not shared, so it does not count. Veins 1 to 3 mm wide take
// 5 to 25 % of the light where they are, less in cold hands, and cover some
// tenth of the palm; lines of toner are in both bands.
var veins = Check{
	Name: "veins", Min: 0.007, Max: 0.15,
	Measure: func(e *Evidence) (float64, error) {
		red := e.red.without(e.green, e.in)
		a := e.at850.without(e.green, e.in).without(red, e.in)
		b := e.at940.without(e.green, e.in).without(red, e.in)
		return root(cross(a, b, e.in)), nil
	},
}

// relief is by how much the palm departs from a plane, as the two cameras see
// it, root mean square in mm. The balls of thumb and little finger stand 3 to
// 5 mm over the hollow of a flat hand; paper and glass do not, and paper that
// is bent bends one way.
var relief = Check{
	Name: "relief", Min: 0.3, Max: 6,
	Measure: func(e *Evidence) (float64, error) { return e.Relief, nil },
}
