// SPDX-License-Identifier: MPL-2.0

package checksum

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// labelled is how tools call their algorithms, in capitals and without what
// they put between the parts of a name: SHA2-512, SHA512, sha-512.
var labelled = map[string]string{
	"MD5": "md5", "SHA1": "sha1", "SHA256": "sha256", "SHA384": "sha384", "SHA512": "sha512",
	"SHA2256": "sha256", "SHA2384": "sha384", "SHA2512": "sha512",
	"SHA3256": "sha3-256", "SHA3384": "sha3-384", "SHA3512": "sha3-512",
	"BLAKE2B512": "blake2b", "B2512": "blake2b",

	// Of these no more is known than that they are something else.
	"SHA224": "sha224", "SHA2224": "sha224", "SHA3224": "sha3-224", "SHA512224": "sha512/224", "SHA512256": "sha512/256",
	"SHA2512224": "sha512/224", "SHA2512256": "sha512/256", "SHA512T256": "sha512/256", "SHA512T224": "sha512/224",
	"BLAKE2B256": "blake2b-256", "BLAKE2B384": "blake2b-384", "BLAKE2S": "blake2s", "BLAKE2S256": "blake2s", "BLAKE2SP": "blake2sp", "BLAKE2BP": "blake2bp",
	"BLAKE3": "blake3", "B3": "blake3", "WHIRLPOOL": "whirlpool", "SM3": "sm3",
	"RMD160": "ripemd160", "RIPEMD160": "ripemd160", "TIGER": "tiger", "MD2": "md2", "MD4": "md4", "CRC": "crc", "CRC32": "crc", "CRC32B": "crc",
	"SKEIN256": "skein256", "SKEIN512": "skein512", "SKEIN1024": "skein1024", "SHAKE128": "shake128", "SHAKE256": "shake256",
	"STREEBOG256": "streebog256", "STREEBOG512": "streebog512", "GOST": "gost", "KECCAK256": "keccak256", "KECCAK512": "keccak512",
}

// families leave the length to the digits that follow. SHA alone was SHA-1.
var families = map[string]map[int]string{
	"SHA":     {40: "sha1", 56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"},
	"SHA2":    {56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"},
	"SHA3":    {56: "sha3-224", 64: "sha3-256", 96: "sha3-384", 128: "sha3-512"},
	"BLAKE2B": {64: "blake2b-256", 96: "blake2b-384", 128: "blake2b"},
	"BLAKE2":  {64: "blake2-256", 128: "blake2b"},
	"B2":      {64: "blake2b-256", 96: "blake2b-384", 128: "blake2b"},
}

// digits are those of the algorithms whose length is fixed and known.
var digits = map[string]int{"sha1": 40, "sha224": 56, "sha3-224": 56, "sha512/224": 56, "sha512/256": 64, "whirlpool": 128, "blake3": 64}

// unlabelled is what so many hex digits are where nothing says more.
var unlabelled = map[int]string{32: "md5", 40: "sha1", 56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}

var betweenParts = strings.NewReplacer("-", "", "_", "", "/", "", " ", "")

// label brings the name of an algorithm into one form. It returns false for what
// names none.
func label(text string) (string, bool) {
	name := betweenParts.Replace(strings.ToUpper(text))
	for _, end := range []string{"CHECKSUMS", "CHECKSUM", "SUMS", "SUM"} {
		if cut, ok := strings.CutSuffix(name, end); ok && cut != "" {
			name = cut
			break
		}
	}
	_, known := labelled[name]
	_, family := families[name]
	return name, known || family
}

// listName finds in a list's own name what its checksums are where their length
// leaves it open.
var listName = regexp.MustCompile(`(?i)(blake2b|b2sum|sha-?3)(?:-?(?:224|256|384|512))?(?:sum|[^0-9]|$)|\.(b2)$`)

// algorithm is what a checksum is of: what its line says, or else its section,
// or else the list's name, or else its length.
func (e entry) algorithm(list string) (string, error) {
	n := len(e.sum)
	name := e.label
	if name == "" {
		if m := listName.FindStringSubmatch(list); m != nil {
			if name, _ := label(m[1] + m[2]); families[name][n] != "" {
				return families[name][n], nil
			}
		}
		if found, ok := unlabelled[n]; ok {
			return found, nil
		}
		return fmt.Sprintf("%d digits", n), nil
	}
	found := families[name][n]
	if found == "" {
		found = labelled[name]
	}
	want := digits[found]
	if make, ok := algorithms[found]; ok {
		want = 2 * make().Size()
	}
	switch {
	case found == "":
		return "", fmt.Errorf("it is called %s and has %d digits", name, n)
	case want != 0 && want != n:
		return "", fmt.Errorf("it is called %s, which has %s digits, and has %d", name, strconv.Itoa(want), n)
	}
	return found, nil
}

// headingWords may stand beside the name of an algorithm in the heading of a
// section.
var headingWords = map[string]bool{
	"HASH": true, "HASHES": true, "SUM": true, "SUMS": true, "CHECKSUM": true, "CHECKSUMS": true, "DIGEST": true, "DIGESTS": true,
	"FOR": true, "OF": true, "THE": true, "FILE": true, "FILES": true, "IMAGES": true, "ALL": true, "IMAGE": true,
	"BELOW": true, "FOLLOWING": true, "ARE": true, "THESE": true, "IN": true, "HEX": true, "LIST": true,
}

// heading reads a line as `# SHA512 HASH`, `SHA256:`, `== MD5 checksums ==` or
// `Checksums-Sha256:`. It returns false for every other line; a sentence that
// names an algorithm is none.
func heading(line string) (string, bool) {
	text := strings.Trim(line, "#*=-_[]<>;:|/ \t")
	text = strings.TrimPrefix(strings.TrimPrefix(text, "Checksums-"), "checksums-")
	var name string
	for _, word := range strings.Fields(text) {
		word = strings.Trim(word, "()[]*:`\"'")
		if headingWords[strings.ToUpper(word)] || word == "" {
			continue
		}
		found, ok := label(word)
		if !ok || name != "" {
			// SHA 512, SHA-3 512
			if both, ok := label(name + word); ok && name != "" {
				name = both
				continue
			}
			return "", false
		}
		name = found
	}
	return name, name != ""
}
