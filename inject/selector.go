package inject

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// SelectorGrammar is shown to whoever wrote a selector that cannot be read.
const SelectorGrammar = "ids (2 or 1,3), roles (leader, followers, observers), " +
	"a size (one, minority, majority, all) or random:N"

// Selector names members: by id, by role, or by how many. The zero Selector
// is not valid; use ParseSelector.
//
//	selector = size | "random:" count | term { "," term }
//	size     = "one" | "minority" | "majority" | "all"
//	term     = id | "leader" | "followers" | "observers"
type Selector struct {
	text string
	// Either size is set or terms is not empty.
	size  size
	count int // of sizeRandom
	terms []term
}

// size is a number of voters that depends on the ensemble.
type size uint8

const (
	sizeNone size = iota
	sizeOne
	sizeMinority
	sizeMajority
	sizeAll
	sizeRandom
)

var sizeWords = map[string]size{
	"one": sizeOne, "minority": sizeMinority, "majority": sizeMajority, "all": sizeAll,
}

// of is how many of n voters the size asks for. A minority is the most that
// can fail while the rest still is a majority: none of 1 or 2, one of 3 or 4.
func (s size) of(n, count int) int {
	switch s {
	case sizeOne:
		return 1
	case sizeMinority:
		return (n - 1) / 2
	case sizeMajority:
		return n/2 + 1
	case sizeAll:
		return n
	case sizeRandom:
		return count
	}
	return 0
}

// term is one id, or all members that have a role now.
type term struct {
	id     int64
	byRole bool
	role   Role
}

var roleWords = map[string]Role{
	"leader": RoleLeader, "followers": RoleFollower, "observers": RoleObserver,
}

// SyntaxError is a selector, or something made of selectors, that cannot be
// read.
type SyntaxError struct {
	What    string // such as "selector"
	Input   string
	Problem string
	Grammar string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s %q: %s; want %s", e.What, e.Input, e.Problem, e.Grammar)
}

// NoMatchError is a selector that can be read but fits nobody at this moment.
type NoMatchError struct {
	Selector string
	Reason   string
}

func (e *NoMatchError) Error() string {
	return fmt.Sprintf("nothing matches %q: %s", e.Selector, e.Reason)
}

// PlanError is a partition or a choice of links that can be read, and whose
// members exist, but that comes to nothing or contradicts itself with them.
type PlanError struct {
	Subject string
	Reason  string
}

func (e *PlanError) Error() string {
	return fmt.Sprintf("%q makes no sense here: %s", e.Subject, e.Reason)
}

// ParseSelector reads a selector. The error is a *SyntaxError.
func ParseSelector(s string) (Selector, error) {
	fail := func(format string, args ...any) (Selector, error) {
		return Selector{}, &SyntaxError{
			What: "selector", Input: s, Problem: fmt.Sprintf(format, args...), Grammar: SelectorGrammar,
		}
	}
	text := strings.TrimSpace(s)
	if text == "" {
		return fail("is empty")
	}
	if size, ok := sizeWords[text]; ok {
		return Selector{text: text, size: size}, nil
	}
	if number, ok := strings.CutPrefix(text, "random:"); ok {
		count, err := strconv.Atoi(number)
		if err != nil || count < 1 {
			return fail("%q is not a number of members", number)
		}
		return Selector{text: fmt.Sprintf("random:%d", count), size: sizeRandom, count: count}, nil
	}
	var terms []term
	var words []string
	for word := range strings.SplitSeq(text, ",") {
		t, problem := parseTerm(strings.TrimSpace(word))
		if problem != "" {
			return fail("%s", problem)
		}
		terms = append(terms, t)
		words = append(words, t.String())
	}
	return Selector{text: strings.Join(words, ","), terms: terms}, nil
}

func parseTerm(word string) (t term, problem string) {
	if role, ok := roleWords[word]; ok {
		return term{byRole: true, role: role}, ""
	}
	_, isSize := sizeWords[word]
	switch {
	case word == "":
		return term{}, "something is missing beside a comma"
	case isSize || strings.HasPrefix(word, "random:"):
		return term{}, fmt.Sprintf("%q cannot be combined with others", word)
	}
	id, err := strconv.ParseInt(word, 10, 64)
	if err != nil || id < 0 || word[0] == '+' {
		return term{}, fmt.Sprintf("%q is neither an id nor a known word", word)
	}
	return term{id: id}, ""
}

func (t term) String() string {
	if !t.byRole {
		return strconv.FormatInt(t.id, 10)
	}
	for word, role := range roleWords {
		if role == t.role {
			return word
		}
	}
	return t.role.String()
}

// String is the selector in its shortest form.
func (s Selector) String() string { return s.text }

// Random reports whether the selector leaves a choice, so that a seed matters.
func (s Selector) Random() bool { return s.size != sizeNone && s.size != sizeAll }

// NeedsRoles reports whether what it selects depends on who leads at this moment.
func (s Selector) NeedsRoles() bool {
	return slices.ContainsFunc(s.terms, func(t term) bool { return t.byRole && t.role != RoleObserver })
}

// Resolve returns the ids of the members selected, sorted and never empty. rng
// makes the choices left open; it may be nil when Random is false. The error
// is a *NoMatchError.
func (s Selector) Resolve(members []Member, rng *rand.Rand) ([]int64, error) {
	return s.resolve(members, nil, rng)
}

// resolve is Resolve where members that are taken cannot be chosen by a size.
func (s Selector) resolve(members []Member, taken []int64, rng *rand.Rand) ([]int64, error) {
	if s.size != sizeNone {
		return s.resolveSize(sortedByID(members), taken, rng)
	}
	var ids []int64
	for _, t := range s.terms {
		matched := idsOf(members, t.matches)
		if len(matched) == 0 {
			return nil, &NoMatchError{Selector: s.text, Reason: t.missing(members)}
		}
		ids = append(ids, matched...)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

func (t term) matches(m Member) bool {
	switch {
	case !t.byRole:
		return m.ID == t.id
	case t.role == RoleObserver:
		// By configuration: "start observers" is about those that are down.
		return m.Observer
	default:
		return m.Role == t.role
	}
}

func (t term) missing(members []Member) string {
	if t.byRole {
		return fmt.Sprintf("the ensemble has no %s now", t.role)
	}
	ids := idsOf(sortedByID(members), func(Member) bool { return true })
	return fmt.Sprintf("there is no member %d, only %s", t.id, joinIDs(ids))
}

// resolveSize chooses among the voters: first those on whom it is not wasted.
func (s Selector) resolveSize(members []Member, taken []int64, rng *rand.Rand) ([]int64, error) {
	voters := idsOf(members, isVoter)
	want := s.size.of(len(voters), s.count)
	free := func(m Member) bool { return isVoter(m) && !slices.Contains(taken, m.ID) }
	useful := idsOf(members, func(m Member) bool { return free(m) && !m.Spared })
	wasted := idsOf(members, func(m Member) bool { return free(m) && m.Spared })
	available := len(useful) + len(wasted)
	switch {
	case want == 0:
		return nil, &NoMatchError{Selector: s.text, Reason: fmt.Sprintf("%s of %s is nobody", s.text, plural(len(voters), "voter"))}
	case want > available:
		return nil, &NoMatchError{Selector: s.text, Reason: fmt.Sprintf("it asks for %d, and %d can be chosen", want, available)}
	}
	if want < available {
		shuffle(useful, rng)
		shuffle(wasted, rng)
	}
	ids := append(useful, wasted...)[:want]
	slices.Sort(ids)
	return ids, nil
}

func shuffle(ids []int64, rng *rand.Rand) {
	rng.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
}

// joinIDs writes ids as a selector would: "1,2,5".
func joinIDs(ids []int64) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = strconv.FormatInt(id, 10)
	}
	return strings.Join(words, ",")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
