package member

import "strings"

// Whitelist says which four-letter words a server answers
// (4lw.commands.whitelist): `stat, ruok` or `*`.
type Whitelist struct {
	all   bool
	words map[string]bool
}

// ParseWhitelist reads the value of 4lw.commands.whitelist. Words that do not
// exist are ignored. srvr is always answered, because zkServer.sh asks it
// (FourLetterCommands.isEnabled).
func ParseWhitelist(value string) Whitelist {
	w := Whitelist{words: map[string]bool{"srvr": true}}
	for _, word := range strings.Split(value, ",") {
		word = strings.TrimSpace(word)
		if word == "*" {
			w.all = true
		}
		w.words[word] = true
	}
	return w
}

// Allows reports whether a word is answered.
func (w Whitelist) Allows(word string) bool { return w.all || w.words[word] }
