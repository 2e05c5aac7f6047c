// Package palm draws synthetic palms: from a seed an anatomy in millimetres,
// from an anatomy, a pose and a lamp the two frames that a pair of cameras
// would have given. No real person's palm is in it.
//
// # Frames
//
// The canonical frame of an anatomy is a left hand seen from its palm side,
// flat, fingers up: x grows from the thumb to the little finger, y from the
// fingers to the wrist, in millimetres; the origin lies in the middle of the
// palm. A right hand is the mirror image; its anatomy is kept in the same
// frame and mirrored when it is posed. The camera frame is that of hal: x
// right, y down, z away from the NIR camera, millimetres. A palm at rest is
// the plane z = distance and looks along -z.
//
// # From seed to pixel
//
//	person ─ outline ─ relief ┐
//	       ├ creases, wrinkles ├─ texture (canonical maps, 0.25 mm a texel)
//	       └ veins ─ skin ─────┘              │
//	pose ─ shape (mesh in mm) ─ lamps ─ project, raster, shade ─ blur ─ sensor ─ hal.Shot
//
// Everything is a function of seeds and times. The same seeds give the same
// bytes on one architecture; across architectures, where the compiler may
// fuse a multiplication with an addition, frames differ by one grey level at
// most.
package palm
