package image

import (
	"strings"
	"testing"
)

// The product kernel drives cameras: package v4l2's tests with the kernel's
// virtual one, whose input is wired to its own output, on that kernel in QEMU.
func TestKernelDrivesCameras(t *testing.T) {
	if !isFile("../../build/kernel/product/Image") {
		t.Skip("no product kernel was built (make kernel), and Debian's for virtual machines drives no camera")
	}
	c := computer{
		kernel:   "product",
		modules:  []string{"vivid node_types=0x101 num_inputs=1 input_types=0x3 num_outputs=1 output_types=0x1 ccs_cap_mode=0 ccs_out_mode=0"},
		programs: map[string]string{"v4l2.test": "test -c volar/hal/linux/v4l2"},
	}
	said := c.run(t, "/v4l2.test -test.run Vivid -test.v")
	if !strings.Contains(said, "exit status 0") || !strings.Contains(said, "--- PASS: TestVividLoopsBack") || strings.Contains(said, "--- SKIP") {
		t.Errorf("in the machine:\n%s", said)
	}
}
