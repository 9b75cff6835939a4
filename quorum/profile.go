package quorum

import (
	"cmp"
	"math"
	"math/big"
	"slices"
)

// Fatal is one row of the failure profile.
type Fatal struct {
	Failures int      // how many servers fail together
	Fatal    *big.Int // how many of the sets of that size take the quorum away
	Total    *big.Int // how many sets of that size there are
}

// FailureProfile returns, for 0 to n failures, how many of all sets of that size
// are fatal. The first row with a fatal set is one above the guaranteed
// tolerance, and its count is that of the smallest blocking sets.
//
// Algorithm: for each group the polynomials of its sets of m failures that do and do not
// take its majority away, by classes of members that weigh the same; then their product
// over the groups, by how many keep their majority, from its values modulo primes (see
// residues.go). For members that weigh the same in each group: O(n²) words and O(n²·G)
// steps at most, G different groups; with several weights in one group, the states "so
// many failed, of so much weight" are counted, and ErrTooLarge comes beyond some seconds'
// work. Two majorities at once: O(c·a·b) for a, b voters of one only and c of both.
// Source: generating functions; counting knapsacks.
func FailureProfile(s System) ([]Fatal, error) {
	return failureProfile(budgetFor(s, "the failure profile", aQuestion), s)
}

func failureProfile(b *budget, s System) ([]Fatal, error) {
	if p, ok := asPair(s); ok {
		return p.profile(b, len(s.Voters()))
	}
	f, ok := single(s)
	if !ok {
		t, err := tabulate(s)
		if err != nil {
			return nil, err
		}
		return t.profile(), nil
	}
	n := len(f.ids)
	if err := b.spend(32 * int64(n+1) * int64(wordsFor(n))); err != nil { // the result alone
		return nil, err
	}
	groups, err := f.groupProfiles(b)
	if err != nil {
		return nil, err
	}
	free := n // voters outside of all groups, or of weight zero, fail as they like
	for _, g := range groups {
		free -= len(g.whole) - 1
	}
	var fatal []*big.Int
	if len(groups) == 1 && free == 0 && f.need == 1 {
		fatal = groups[0].broken
	} else {
		if fatal, err = fatalSets(b, groups, f.need, free); err != nil {
			return nil, err
		}
	}
	rows := make([]Fatal, n+1)
	for m, total := range binomials(n) {
		rows[m] = Fatal{Failures: m, Fatal: fatal[m], Total: total}
	}
	return rows, nil
}

// profile of two majorities at once, n voters in all.
func (j pair) profile(b *budget, n int) ([]Fatal, error) {
	surviving, err := j.surviving(b)
	if err != nil {
		return nil, err
	}
	free := binomials(n - len(surviving) + 1) // voters of neither fail as they like
	rows := make([]Fatal, n+1)
	for m, total := range binomials(n) {
		rows[m] = Fatal{Failures: m, Fatal: new(big.Int).Set(total), Total: total}
	}
	product := new(big.Int)
	for m, x := range surviving {
		for k, y := range free {
			rows[m+k].Fatal.Sub(rows[m+k].Fatal, product.Mul(x, y))
		}
	}
	return rows, nil
}

// groupProfile is how many of a group's sets of m failures take its majority
// away, and how many leave it whole: two polynomials.
type groupProfile struct{ broken, whole []*big.Int }

func (p groupProfile) equal(q groupProfile) bool {
	same := func(x, y *big.Int) bool { return x.Cmp(y) == 0 }
	return slices.EqualFunc(p.broken, q.broken, same) && slices.EqualFunc(p.whole, q.whole, same)
}

// groupProfiles counts them for each group that has members; once for groups
// that are alike.
func (f form) groupProfiles(b *budget) ([]groupProfile, error) {
	type known struct {
		weights []int64
		bar     int64
		profile groupProfile
	}
	var all []known
	var profiles []groupProfile
	for _, g := range f.groups {
		if len(g.members) == 0 {
			continue
		}
		weights, bar := reduce(g.weights(), max(0, g.bar()))
		slices.Sort(weights)
		i := slices.IndexFunc(all, func(k known) bool { return k.bar == bar && slices.Equal(k.weights, weights) })
		if i < 0 {
			p, err := newGroupProfile(b, weights, bar)
			if err != nil {
				return nil, err
			}
			i, all = len(all), append(all, known{weights, bar, p})
		}
		profiles = append(profiles, all[i].profile)
	}
	return profiles, nil
}

// newGroupProfile counts both, for members of these weights, ascending.
func newGroupProfile(b *budget, weights []int64, bar int64) (groupProfile, error) {
	n := len(weights)
	all := binomials(n)
	whole, err := lighter(b, classesOf(weights), bar)
	if err != nil {
		return groupProfile{}, err
	}
	p := groupProfile{broken: make([]*big.Int, n+1), whole: whole}
	for m := range p.broken {
		p.broken[m] = new(big.Int).Sub(all[m], whole[m])
	}
	return p, nil
}

// weightClass is how many members weigh so much.
type weightClass struct {
	weight int64
	size   int
}

// classesOf returns them for ascending weights, the largest class last.
func classesOf(weights []int64) []weightClass {
	var classes []weightClass
	for _, w := range weights {
		if k := len(classes); k > 0 && classes[k-1].weight == w {
			classes[k-1].size++
		} else {
			classes = append(classes, weightClass{w, 1})
		}
	}
	slices.SortStableFunc(classes, func(a, b weightClass) int { return cmp.Compare(a.size, b.size) })
	return classes
}

// lighter counts, for each m, the sets of m members that weigh less than bar.
//
// All classes but the last are multiplied out into sums that occur, each with its sets by
// size; of the last one, as many members as still fit go with all sums up to what is left.
func lighter(b *budget, classes []weightClass, bar int64) ([]*big.Int, error) {
	if err := b.spend(lighterSteps(classes, bar)); err != nil {
		return nil, err
	}
	last := classes[len(classes)-1]
	n := last.size
	sums := []weighed[sizes]{{0, sizes{0, []*big.Int{big.NewInt(1)}}}}
	for _, c := range classes[:len(classes)-1] {
		sums = multiply(sums, c, bar)
		n += c.size
	}
	count := make([]*big.Int, n+1)
	for m := range count {
		count[m] = new(big.Int)
	}
	choose := binomials(last.size)
	fitting := sizes{} // the sets of all sums so far
	product := new(big.Int)
	next := 0
	for k := last.size; k >= 0; k-- {
		for ; next < len(sums) && sums[next].sum < bar-int64(k)*last.weight; next++ {
			fitting = fitting.plus(sums[next].value)
		}
		for i, x := range fitting.count {
			m := fitting.least + i + k
			count[m].Add(count[m], product.Mul(x, choose[k]))
		}
	}
	return count, nil
}

// lighterSteps bounds what lighter takes, in products of big integers: there are no more
// states (sum, size) than numbers of members of each class, or than sums below bar and sizes.
func lighterSteps(classes []weightClass, bar int64) int64 {
	n, vectors, steps := 0, 1.0, 0.0
	for i, c := range classes {
		states := min(vectors, float64(bar)*float64(n+1))
		if i == len(classes)-1 {
			states = float64(n + 1) // the sums have been added up
		}
		n += c.size
		vectors *= float64(c.size + 1)
		product := 32 + wordsFor(n)*wordsFor(c.size)/4
		if i > 0 && i < len(classes)-1 {
			product += 256 // and a new number, in a table by sum
		}
		steps += states * float64(c.size+1) * float64(product)
	}
	return int64(min(steps, math.MaxInt64/2))
}

// sizes is a number of sets by their size, which is least or more.
type sizes struct {
	least int
	count []*big.Int
}

// plus adds two; it may use up x.
func (x sizes) plus(y sizes) sizes {
	if len(x.count) == 0 {
		return sizes{y.least, slices.Clone(y.count)}
	}
	if y.least < x.least {
		more := make([]*big.Int, x.least-y.least, x.least-y.least+len(x.count))
		x = sizes{y.least, append(more, x.count...)}
	}
	for i, n := range y.count {
		at := y.least - x.least + i
		for at >= len(x.count) {
			x.count = append(x.count, nil)
		}
		if x.count[at] == nil {
			x.count[at] = n
		} else {
			x.count[at] = new(big.Int).Add(x.count[at], n)
		}
	}
	for i, n := range x.count {
		if n == nil {
			x.count[i] = new(big.Int)
		}
	}
	return x
}

// multiply adds a class to the sums below bar: any number of its members.
func multiply(sums []weighed[sizes], c weightClass, bar int64) []weighed[sizes] {
	choose := binomials(c.size)
	bySum := map[int64]sizes{}
	for _, st := range sums {
		for k, ways := range choose {
			sum := st.sum + int64(k)*c.weight
			if sum >= bar {
				break
			}
			moved := sizes{least: st.value.least + k, count: make([]*big.Int, len(st.value.count))}
			for i, x := range st.value.count {
				moved.count[i] = new(big.Int).Mul(x, ways)
			}
			bySum[sum] = bySum[sum].plus(moved)
		}
	}
	next := make([]weighed[sizes], 0, len(bySum))
	for sum, value := range bySum {
		next = append(next, weighed[sizes]{sum, value})
	}
	slices.SortFunc(next, func(a, b weighed[sizes]) int { return cmp.Compare(a.sum, b.sum) })
	return next
}
