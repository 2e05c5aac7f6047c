package palm

// Material is what is held over the device. The zero Material is the living
// hand itself; the others are presentation attacks made from a picture of it.
type Material uint8

// The materials.
const (
	Skin        Material = iota
	LaserPrint           // colour print: toner on paper, its black is carbon and shows in NIR
	InkjetPrint          // colour print: dyes that vanish in NIR
	VeinPrint            // grey laser print of the NIR picture
	Screen               // a tablet that shows the picture
	materialCount
)

// String names the material.
func (m Material) String() string {
	names := [materialCount]string{"skin", "laser print", "inkjet print", "vein print", "screen"}
	if m >= materialCount {
		return "no material"
	}
	return names[m]
}
