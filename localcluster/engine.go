package localcluster

import (
	"fmt"
	"strconv"
	"strings"
)

// Engine is the program that a member runs.
type Engine int

// The zero Engine is invalid: a member always runs one of these.
const (
	EngineNone Engine = iota
	Embedded          // zkctl serve zoo.cfg
	Apache            // java … org.apache.zookeeper.server.quorum.QuorumPeerMain zoo.cfg
)

func (e Engine) String() string {
	switch e {
	case Embedded:
		return "embedded"
	case Apache:
		return "apache"
	}
	return "none"
}

// MarshalText makes an Engine a word in spec.json.
func (e Engine) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (e *Engine) UnmarshalText(text []byte) error {
	switch string(text) {
	case "embedded":
		*e = Embedded
	case "apache":
		*e = Apache
	default:
		return fmt.Errorf("%q is no engine: embedded or apache", text)
	}
	return nil
}

// EngineMix says how many members run which engine, in the order of the members' ids.
// The zero mix is: all embedded.
type EngineMix struct {
	parts []enginePart
}

type enginePart struct {
	engine Engine
	count  int // 0: all
}

const engineGrammar = "embedded, apache, or a mix such as embedded=2,apache=1"

// ParseEngineMix reads `embedded`, `apache` or `embedded=2,apache=1`.
func ParseEngineMix(text string) (EngineMix, error) {
	bad := func(format string, args ...any) (EngineMix, error) {
		return EngineMix{}, fail(CodeUsage, "the grammar: "+engineGrammar, "engine %q: %s", text, fmt.Sprintf(format, args...))
	}
	var mix EngineMix
	for _, word := range strings.Split(text, ",") {
		name, number, counted := strings.Cut(word, "=")
		var part enginePart
		if err := part.engine.UnmarshalText([]byte(strings.TrimSpace(name))); err != nil {
			return bad("%v", err)
		}
		if counted {
			n, err := strconv.Atoi(strings.TrimSpace(number))
			if err != nil || n < 1 || n > maxNodes {
				return bad("%q is not a number of members", number)
			}
			part.count = n
		} else if strings.Contains(text, ",") {
			return bad("a mix says how many of each")
		}
		mix.parts = append(mix.parts, part)
	}
	return mix, nil
}

// Count is how many members the mix names; ok is false when it only names an engine for all.
func (m EngineMix) Count() (n int, ok bool) {
	for _, p := range m.parts {
		if p.count == 0 {
			return 0, false
		}
		n += p.count
	}
	return n, n > 0
}

// assign gives each of n members, in the order of their ids, its engine. A mix that names only the
// voters leaves the observers embedded.
func (m EngineMix) assign(voters, observers int) ([]Engine, error) {
	n := voters + observers
	engines := make([]Engine, 0, n)
	for _, p := range m.parts {
		count := p.count
		if count == 0 {
			count = n
		}
		for range count {
			engines = append(engines, p.engine)
		}
	}
	switch len(engines) {
	case n:
	case 0, voters:
		for len(engines) < n {
			engines = append(engines, Embedded)
		}
	default:
		return nil, fail(CodeUsage, "name as many engines as members: "+engineGrammar,
			"the engines are for %d members, but there are %d voters and %d observers", len(engines), voters, observers)
	}
	return engines, nil
}
