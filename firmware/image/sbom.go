package image

import (
	"bufio"
	"bytes"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// sbomFile lists what is inside of an image (CycloneDX 1.6).
const sbomFile = "sbom.cdx.json"

// makeSBOM writes the list: Go modules by what the programs say of themselves,
// Debian packages by which of their files lie in the root, kernel and boot
// loader by the packages that they were built from.
func (b *builder) makeSBOM(context.Context) error {
	var parts []cdx.Component
	for _, program := range []string{"palminit", "palmd"} {
		list, err := goModules(filepath.Join(b.Programs, program))
		if err != nil {
			return err
		}
		parts = append(parts, list...)
	}
	debs, err := debianPackages(&b.tree, b.Sysroots)
	if err != nil {
		return err
	}
	parts = append(parts, debs...)
	for _, dir := range []string{b.Kernel, b.Loader} {
		list, err := origin(dir)
		if err != nil {
			return err
		}
		parts = append(parts, list...)
	}
	parts = append(parts, b.blobs...)
	bom := cdx.NewBOM()
	bom.SerialNumber = "urn:uuid:" + named("volar sbom\x00"+b.Release.Board+"\x00"+b.Release.Version).String()
	bom.Metadata = &cdx.Metadata{
		Timestamp: time.Unix(b.Release.Built, 0).UTC().Format(time.RFC3339),
		Component: &cdx.Component{Type: cdx.ComponentTypeFirmware, BOMRef: "image", Name: "volar-" + b.Release.Board, Version: b.Release.Version},
	}
	unique := onePerRef(parts)
	bom.Components = &unique
	var out bytes.Buffer
	if err := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
		return fmt.Errorf("image: SBOM: %w", err)
	}
	b.sbom = out.Bytes()
	return b.write(sbomFile, b.sbom)
}

// onePerRef sorts components and keeps one of each.
func onePerRef(list []cdx.Component) []cdx.Component {
	byRef := map[string]cdx.Component{}
	for _, c := range list {
		byRef[c.BOMRef] = c
	}
	out := make([]cdx.Component, 0, len(byRef))
	for _, ref := range sorted(byRef) {
		out = append(out, byRef[ref])
	}
	return out
}

func component(kind cdx.ComponentType, purl, name, version string) cdx.Component {
	return cdx.Component{Type: kind, BOMRef: purl, Name: name, Version: version, PackageURL: purl}
}

// goModules are the modules that a Go program was built from, the standard
// library among them.
func goModules(program string) ([]cdx.Component, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return nil, fmt.Errorf("image: SBOM: %s: %w", program, err)
	}
	version, _, _ := strings.Cut(strings.TrimPrefix(info.GoVersion, "go"), " ")
	list := []cdx.Component{component(cdx.ComponentTypeLibrary, "pkg:golang/stdlib@"+version, "stdlib", version)}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		c := component(cdx.ComponentTypeLibrary, "pkg:golang/"+m.Path+"@"+m.Version, m.Path, m.Version)
		if m.Sum != "" { // go.sum's hash of the module, which is no hash of a file
			c.Properties = &[]cdx.Property{{Name: "go:sum", Value: m.Sum}}
		}
		list = append(list, c)
	}
	return list, nil
}

// debianPackages are the packages whose files lie in the root.
func debianPackages(t *rootTree, sysroots []string) ([]cdx.Component, error) {
	var list []cdx.Component
	for _, root := range sysroots {
		used := map[string]string{} // file of the sysroot, as its list names it
		for to, from := range t.files {
			if rel, err := filepath.Rel(root, from); err == nil && !strings.HasPrefix(rel, "..") {
				used[rel] = to
			}
		}
		owners, err := readOwners(filepath.Join(root, "packages.list"), used)
		if err != nil {
			return nil, err
		}
		list = append(list, owners...)
		for _, file := range sorted(used) {
			return nil, fmt.Errorf("image: SBOM: no package of %s has %s", root, file)
		}
	}
	return list, nil
}

// readOwners gives the packages that own the files in used, and takes those
// from used.
func readOwners(list string, used map[string]string) ([]cdx.Component, error) {
	f, err := os.Open(list)
	if err != nil {
		return nil, fmt.Errorf("image: SBOM: %w", err)
	}
	defer f.Close()
	var found []cdx.Component
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		w := strings.SplitN(lines.Text(), " ", 4)
		if len(w) != 4 || used[w[3]] == "" {
			continue
		}
		delete(used, w[3])
		found = append(found, debian(w[0], w[1], w[2]))
	}
	return found, errors.Join(lines.Err())
}

func debian(name, version, arch string) cdx.Component {
	purl := "pkg:deb/debian/" + name + "@" + strings.ReplaceAll(version, "+", "%2B") + "?arch=" + arch + "&distro=bookworm"
	return component(cdx.ComponentTypeLibrary, purl, name, version)
}

// origin reads which packages a kernel or a boot loader was made from: lines of
// scripts/debs.lock.
func origin(dir string) ([]cdx.Component, error) {
	b, err := os.ReadFile(filepath.Join(dir, "origin"))
	if err != nil {
		return nil, fmt.Errorf("image: SBOM: %w", err)
	}
	var list []cdx.Component
	for line := range strings.Lines(string(b)) {
		w := strings.Fields(line)
		if len(w) != 7 {
			return nil, fmt.Errorf("image: SBOM: %s/origin has no line of scripts/debs.lock: %q", dir, line)
		}
		arch := w[2]
		if w[1] == "src" {
			arch = "source"
		}
		c := debian(w[3], w[4], arch)
		c.Type = cdx.ComponentTypeFirmware
		c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: w[6]}}
		list = append(list, c)
	}
	return list, nil
}
