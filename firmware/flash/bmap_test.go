package flash

import (
	"fmt"
	"strings"
	"testing"
)

func xmlMap(size, block int64, ranges string) string {
	return fmt.Sprintf(`<?xml version="1.0" ?><bmap version="2.0"><ImageSize> %d </ImageSize><BlockSize> %d </BlockSize><BlocksCount> 1 </BlocksCount>
<MappedBlocksCount> 1 </MappedBlocksCount><ChecksumType> sha256 </ChecksumType><BmapFileChecksum> x </BmapFileChecksum><BlockMap>%s</BlockMap></bmap>`, size, block, ranges)
}

func xmlRange(blocks string) string {
	return fmt.Sprintf(`<Range chksum="%s"> %s </Range>`, strings.Repeat("ab", 32), blocks)
}

func TestParseMap(t *testing.T) {
	m, err := ParseMap(strings.NewReader(xmlMap(40000, 4096, xmlRange("0-1")+xmlRange("4")+xmlRange("9"))))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Ranges) != 3 || m.Ranges[1].From != 16384 || m.Ranges[1].To != 20480 || m.Ranges[2].To != 40000 || m.Mapped != 8192+4096+40000-36864 {
		t.Errorf("%+v", m)
	}
	whole := xmlMap(40000, 4096, xmlRange("0"))
	for name, text := range map[string]string{
		"empty": "", "no ranges": xmlMap(40000, 4096, ""), "beyond": xmlMap(40000, 4096, xmlRange("0-10")[:0]+xmlRange("0")+xmlRange("10")),
		"out of order": xmlMap(40000, 4096, xmlRange("0")+xmlRange("5")+xmlRange("4")), "twice": xmlMap(40000, 4096, xmlRange("0-1")+xmlRange("1")),
		"first is a hole": xmlMap(40000, 4096, xmlRange("1")), "backwards": xmlMap(40000, 4096, xmlRange("3-1")),
		"no block": xmlMap(40000, 0, xmlRange("0")), "negative": xmlMap(-1, 4096, xmlRange("0")), "huge": xmlMap(1<<50, 4096, xmlRange("0")),
		"sha1": strings.Replace(whole, "sha256", "sha1", 1), "version 1": strings.Replace(whole, `"2.0"`, `"1.4"`, 1),
		"short sum": strings.Replace(whole, "abab", "ab", 1), "long sum": strings.Replace(whole, "abab", "ababab", 1), "no sum": strings.Replace(whole, "chksum", "x", 1),
		"overflow": xmlMap(40000, 4096, xmlRange("0-9223372036854775807")),
	} {
		if _, err := ParseMap(strings.NewReader(text)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func FuzzParseMap(f *testing.F) {
	f.Add([]byte(xmlMap(40000, 4096, xmlRange("0-1")+xmlRange("4"))))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseMap(strings.NewReader(string(b)))
		if err != nil {
			return
		}
		end := int64(0)
		for _, r := range m.Ranges {
			if r.From < end || r.To <= r.From || r.To > m.Size {
				t.Fatalf("%+v", m)
			}
			end = r.To
		}
	})
}
