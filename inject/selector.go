package inject

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// SelectorGrammar is part of the error about a selector that cannot be read, and of the help.
const SelectorGrammar = "ids (2 or 1,3 or 1-3), roles (leader, followers, observers; follower and observer are one of them), " +
	"a size (one, minority, majority, all) or random:N; !leader is every member but the leader, !1,2 every member but 1 and 2"

// Selector names members: by id, by role, or by how many. The zero Selector
// is not valid; use ParseSelector.
//
//	selector = size | "random:" count | [ "!" ] term { "," term }
//	size     = "one" | "minority" | "majority" | "all"
//	term     = id | id "-" id | "leader" | "followers" | "observers" | "follower" | "observer"
//
// A range matches the ids in it that exist. A role in the singular is one
// member of that role, chosen at random. "!" stands for all members, observers
// included, but those of the list behind it.
type Selector struct {
	text string
	// Either size is set or terms is not empty.
	size  size
	count int // of sizeRandom
	terms []term
	// except inverts terms: the members that they do not match.
	except bool
}

// size is a number of voters, which depends on the ensemble.
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

// term is a range of ids, or members that have a role now.
type term struct {
	first, last int64 // 0 <= first <= last; one id when they are equal
	byRole      bool
	role        Role
	any         bool // with byRole: one of them, not all
}

var roleTerms = map[string]term{
	"leader":    {byRole: true, role: RoleLeader},
	"followers": {byRole: true, role: RoleFollower},
	"observers": {byRole: true, role: RoleObserver},
	"follower":  {byRole: true, role: RoleFollower, any: true},
	"observer":  {byRole: true, role: RoleObserver, any: true},
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

// NoMatchError is a selector that can be read but matches no member at this moment.
type NoMatchError struct {
	Selector string
	Reason   string
}

func (e *NoMatchError) Error() string {
	return fmt.Sprintf("nothing matches %q: %s", e.Selector, e.Reason)
}

// PlanError is a partition or a selection of links that can be read, and whose
// members exist, but that cuts no link or puts a member in two places.
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
	list, except := strings.CutPrefix(text, "!")
	var terms []term
	var words []string
	for word := range strings.SplitSeq(list, ",") {
		t, problem := parseTerm(strings.TrimSpace(word))
		if problem != "" {
			return fail("%s", problem)
		}
		terms = append(terms, t)
		words = append(words, t.String())
	}
	printed := strings.Join(words, ",")
	if except {
		printed = "!" + printed
	}
	return Selector{text: printed, terms: terms, except: except}, nil
}

func parseTerm(word string) (t term, problem string) {
	if t, ok := roleTerms[word]; ok {
		return t, ""
	}
	_, isSize := sizeWords[word]
	switch {
	case word == "":
		return term{}, "an id or a role is missing"
	case isSize || strings.HasPrefix(word, "random:"):
		return term{}, fmt.Sprintf("the size %q stands alone, without a list or a !", word)
	case strings.HasPrefix(word, "!"):
		return term{}, "! stands once, in front of the whole list"
	}
	lower, upper, isRange := strings.Cut(word, "-")
	t.first, problem = parseID(lower, word)
	t.last = t.first
	if isRange && problem == "" {
		t.last, problem = parseID(upper, word)
	}
	if problem == "" && t.last < t.first {
		problem = fmt.Sprintf("the range %q ends before it begins", word)
	}
	return t, problem
}

// parseID reads an id that is a word of a selector or an end of a range.
func parseID(text, word string) (id int64, problem string) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 0 || text[0] == '+' {
		return 0, fmt.Sprintf("%q is neither an id nor a known word", word)
	}
	return id, ""
}

func (t term) String() string {
	switch {
	case !t.byRole && t.first == t.last:
		return strconv.FormatInt(t.first, 10)
	case !t.byRole:
		return fmt.Sprintf("%d-%d", t.first, t.last)
	case t.any || t.role == RoleLeader:
		return t.role.String()
	}
	return t.role.String() + "s"
}

// String is the selector in its shortest form.
func (s Selector) String() string { return s.text }

// Random reports whether the selector leaves a choice, so that a seed matters.
func (s Selector) Random() bool {
	return s.size != sizeNone && s.size != sizeAll || slices.ContainsFunc(s.terms, func(t term) bool { return t.any })
}

// NeedsRoles reports whether what it selects depends on the roles of this moment.
func (s Selector) NeedsRoles() bool {
	return slices.ContainsFunc(s.terms, func(t term) bool { return t.byRole && t.role != RoleObserver })
}

// Resolve returns the ids of the members selected, sorted and never empty. rng
// makes the choices left open; it may be nil when Random is false. The error
// is a *NoMatchError.
func (s Selector) Resolve(members []Member, rng *rand.Rand) ([]int64, error) {
	fixed, err := s.fixed(members)
	if err != nil {
		return nil, err
	}
	return s.complete(members, fixed, nil, rng)
}

// fixed returns the members that the selector names without a choice: none for
// a size, and none yet for a list behind "!" that has a choice in it.
func (s Selector) fixed(members []Member) ([]int64, error) {
	if s.except && s.Random() {
		return nil, nil
	}
	ids, err := s.named(members)
	if err != nil || !s.except {
		return ids, err
	}
	return s.others(members, ids)
}

// complete adds to the fixed members those that a size or a singular role
// chooses. It chooses none of the members that are taken.
func (s Selector) complete(members []Member, fixed, taken []int64, rng *rand.Rand) ([]int64, error) {
	if s.size != sizeNone {
		voters := idsOf(members, isVoter)
		want := s.size.of(len(voters), s.count)
		if want == 0 {
			return nil, &NoMatchError{Selector: s.text, Reason: fmt.Sprintf("%s of %s is no member", s.text, plural(len(voters), "voter"))}
		}
		return s.choose(members, isVoter, want, taken, rng)
	}
	if !s.Random() {
		return fixed, nil
	}
	ids := fixed
	if s.except {
		var err error
		if ids, err = s.named(members); err != nil {
			return nil, err
		}
	}
	for _, t := range s.terms {
		if !t.any {
			continue
		}
		chosen, err := s.choose(members, t.matches, 1, slices.Concat(taken, ids), rng)
		if err != nil {
			return nil, err
		}
		ids = append(ids, chosen...)
	}
	if s.except {
		return s.others(members, ids)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// named returns the members that the terms match, those that are choices aside.
func (s Selector) named(members []Member) ([]int64, error) {
	var ids []int64
	for _, t := range s.terms {
		matched := idsOf(members, t.matches)
		if len(matched) == 0 {
			return nil, &NoMatchError{Selector: s.text, Reason: t.missing(members)}
		}
		if !t.any {
			ids = append(ids, matched...)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// others returns all members but those with these ids.
func (s Selector) others(members []Member, ids []int64) ([]int64, error) {
	rest := Rest(members, ids)
	if len(rest) == 0 {
		return nil, &NoMatchError{Selector: s.text, Reason: "that leaves no member out of " + joinIDs(Rest(members))}
	}
	return rest, nil
}

func (t term) matches(m Member) bool {
	switch {
	case !t.byRole:
		return t.first <= m.ID && m.ID <= t.last
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
	return fmt.Sprintf("there is no member %s, only %s", t, joinIDs(Rest(members)))
}

// choose picks members at random that match and are not taken. Members that
// are spared come last.
func (s Selector) choose(members []Member, matches func(Member) bool, want int, taken []int64, rng *rand.Rand) ([]int64, error) {
	free := func(m Member) bool { return matches(m) && !slices.Contains(taken, m.ID) }
	sorted := sortedByID(members)
	useful := idsOf(sorted, func(m Member) bool { return free(m) && !m.Spared })
	wasted := idsOf(sorted, func(m Member) bool { return free(m) && m.Spared })
	available := len(useful) + len(wasted)
	if want > available {
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
