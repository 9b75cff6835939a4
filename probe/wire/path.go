package wire

import (
	"fmt"
	"strings"
)

// ValidatePath accepts the paths that a node may have. ZooKeeper checks the path of a
// create after appending the sequence number, so "/a/" is valid for a sequential node.
//
// The forbidden characters are ZooKeeper's, by UTF-16 unit: control characters,
// surrogates (hence everything outside the basic plane), private use, and the
// specials, among them U+FFFD, which is also what bytes that are not UTF-8 read as.
func ValidatePath(path string) error {
	switch {
	case path == "":
		return fmt.Errorf("path is empty: want an absolute path such as /a/b")
	case path[0] != '/':
		return fmt.Errorf("path %q: must start with /", path)
	case path == "/":
		return nil
	case strings.HasSuffix(path, "/"):
		return fmt.Errorf("path %q: must not end with /", path)
	}
	for rest := path[1:]; ; {
		component, after, more := strings.Cut(rest, "/")
		switch component {
		case "":
			return fmt.Errorf("path %q: empty node name", path)
		case ".", "..":
			return fmt.Errorf("path %q: relative node name %q", path, component)
		}
		if !more {
			break
		}
		rest = after
	}
	for _, r := range path {
		if forbidden(r) {
			return fmt.Errorf("path %q: invalid character %U", path, r)
		}
	}
	return nil
}

func forbidden(r rune) bool {
	return r <= 0x1f || r >= 0x7f && r <= 0x9f || r >= 0xd800 && r <= 0xf8ff || r >= 0xfff0
}
