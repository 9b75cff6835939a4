package quorum

import (
	"fmt"
	"slices"
)

// MeanTimeToLoss computes how long it takes, on average, from all servers up to the first
// moment without a quorum, in the unit of mttf and mttr; servers fail and are repaired as for
// Repairable. Positive infinity when it exceeds floating point.
//
// Algorithm: equal voters under a threshold are a birth-death chain on the number of
// failed ones; T_j = (1 + μ_j·T_{j-1}) / λ_j is the time from j to j+1 failures, and
// everything is a sum of positive terms: O(n). Other systems are lumped: voters that are
// alike, and groups that are alike, may be exchanged, and only states that have a quorum
// count. Levels of equally many failures are eliminated from the top, without subtractions
// (Grassmann, Taksar, Heyman 1985): O(Σ states³) over the levels. That is exponential in
// the number of different voters: a dozen of different weights, or a hundred in a few
// groups, are a second's work, and ErrTooLarge comes beyond. Errors as Repairable. Source:
// first passage times of birth-death processes; lumping of Markov chains (Kemeny and Snell
// 1960).
func MeanTimeToLoss(s System, mttf, mttr float64, crew Crew) (float64, error) {
	if err := checkRepair(s, mttf, mttr); err != nil {
		return 0, err
	}
	if n, bar, ok := countable(s, crew); ok {
		return newBirthDeath(n, mttf, mttr, crew).timeTo(bar), nil
	}
	b := &budget{limit: aQuestion, question: fmt.Sprintf("the mean time to quorum loss of %s that differ", plural(len(s.Voters()), "voter"))}
	return newLumps(s, crew).timeToLoss(b, mttf, mttr)
}

// timeTo is the mean time from no failure to bar failures.
func (c birthDeath) timeTo(bar int) float64 {
	total, step := 0.0, 0.0
	for j := range bar {
		step = (1 + c.repair(j)*step) / c.fail(j)
		total += step
	}
	return total
}

// lumps is a system by kinds of voters: how many of each kind have failed is
// the state of the chain.
type lumps struct {
	crew   Crew
	size   []int // voters in each cell; they may be exchanged for each other
	blocks []block
	quorum func(failed []int) bool // by cell
}

// block is a run of cells, those of a group. Blocks of the same kind may be
// exchanged, too, cell by cell.
type block struct{ kind, from, to int }

func newLumps(s System, crew Crew) *lumps {
	l := &lumps{crew: crew}
	if f, ok := single(s); ok {
		l.addForm(f)
		return l
	}
	var cells [][]int64
	ids := s.Voters()
	for i, class := range classes(s, nil) { // numbered as they occur
		if class == len(cells) {
			cells = append(cells, nil)
		}
		cells[class] = append(cells[class], ids[i])
	}
	for class, ids := range cells {
		l.addBlock(class, len(ids))
	}
	l.quorum = func(failed []int) bool {
		down := map[int64]bool{}
		for c, ids := range cells {
			for _, id := range ids[:failed[c]] {
				down[id] = true
			}
		}
		return s.IsQuorum(func(id int64) bool { return !down[id] })
	}
	return l
}

// addForm makes each group a block, and each weight in it a cell.
func (l *lumps) addForm(f form) {
	kinds := map[string]int{}
	var weight, bars []int64 // of a member, by cell; and the failed weight that takes a group's majority
	free := len(f.ids)       // they weigh nothing, and matter to nobody but a busy crew
	for _, g := range f.groups {
		weights := g.weights()
		slices.Sort(weights)
		bars = append(bars, g.bar())
		free -= len(weights)
		kind := fmt.Sprint(g.need, weights)
		if _, known := kinds[kind]; !known {
			kinds[kind] = len(kinds)
		}
		var sizes []int
		for i, w := range weights {
			if i == 0 || w != weights[i-1] {
				sizes, weight = append(sizes, 0), append(weight, w)
			}
			sizes[len(sizes)-1]++
		}
		l.addBlock(kinds[kind], sizes...)
	}
	groups := len(l.blocks)
	if l.crew == OneCrew && free > 0 {
		l.addBlock(len(kinds), free)
	}
	l.quorum = func(failed []int) bool {
		missing := f.need
		for i, b := range l.blocks[:groups] {
			bar := bars[i]
			for c := b.from; c < b.to; c++ {
				bar -= weight[c] * int64(failed[c])
			}
			if bar > 0 {
				missing--
			}
		}
		return missing <= 0
	}
}

func (l *lumps) addBlock(kind int, sizes ...int) {
	l.blocks = append(l.blocks, block{kind, len(l.size), len(l.size) + len(sizes)})
	l.size = append(l.size, sizes...)
}

// canonical sorts the blocks of each kind by what has failed in them: states that
// differ by an exchange become the same. The key names the state.
func (l *lumps) canonical(failed []int) (state []int, key string) {
	state = slices.Clone(failed)
	for i, b := range l.blocks { // by insertion: blocks of a kind are few, and most in order
		for j := i - 1; j >= 0; j-- {
			a := l.blocks[j]
			if a.kind != b.kind {
				continue
			}
			if slices.Compare(state[a.from:a.to], state[b.from:b.to]) <= 0 {
				break
			}
			for c := range b.to - b.from {
				state[a.from+c], state[b.from+c] = state[b.from+c], state[a.from+c]
			}
			b = a
		}
	}
	text := make([]byte, 0, 3*len(state))
	for _, n := range state {
		text = append(text, byte(n), byte(n>>8), byte(n>>16))
	}
	return state, string(text)
}

// level is the states with a quorum of equally many failures.
type level struct {
	states [][]int
	index  map[string]int
	loses  []float64 // the rate of losing the quorum from each
	// rises[i] are the rates from state i of the level below to those here, and
	// falls[k] those back; a state may lead to another in several ways.
	rises, falls [][]rate
}

type rate struct {
	to    int
	value float64
}

// above finds the level after one more failure.
func (l *lumps) above(at *level, mttf float64) *level {
	next := &level{index: map[string]int{}, rises: make([][]rate, len(at.states))}
	for i, failed := range at.states {
		for c, size := range l.size {
			up := size - failed[c]
			if up == 0 {
				continue
			}
			failed[c]++
			to, key := l.canonical(failed)
			failed[c]--
			k, known := next.index[key]
			if !known && !l.quorum(to) {
				at.loses[i] += float64(up) / mttf
				continue
			}
			if !known {
				k = len(next.states)
				next.index[key] = k
				next.states = append(next.states, to)
			}
			next.rises[i] = append(next.rises[i], rate{k, float64(up) / mttf})
		}
	}
	next.loses = make([]float64, len(next.states))
	return next
}

// fallTo fills in the repairs that lead to the level below.
func (l *lumps) fallTo(below, at *level, mttr float64) {
	at.falls = make([][]rate, len(at.states))
	for k, failed := range at.states {
		all := 0
		for _, n := range failed {
			all += n
		}
		for c, n := range failed {
			if n == 0 {
				continue
			}
			failed[c]--
			_, key := l.canonical(failed)
			failed[c]++
			value := float64(n) / mttr
			if l.crew == OneCrew {
				value /= float64(all)
			}
			at.falls[k] = append(at.falls[k], rate{below.index[key], value})
		}
	}
}

// timeToLoss builds the levels from all servers up, and eliminates them from the
// last one down.
func (l *lumps) timeToLoss(b *budget, mttf, mttr float64) (float64, error) {
	start, key := l.canonical(make([]int, len(l.size)))
	levels := []*level{{states: [][]int{start}, index: map[string]int{key: 0}, loses: []float64{0}}}
	for {
		last := levels[len(levels)-1]
		if err := b.spend(64 * int64(len(last.states)) * int64(len(l.size)) * int64(len(l.size)+1)); err != nil {
			return 0, err
		}
		next := l.above(last, mttf)
		if len(next.states) == 0 {
			break
		}
		here, both := int64(len(next.states)), int64(len(next.states)+len(last.states))
		if err := b.spend(here * both * both); err != nil {
			return 0, err
		}
		l.fallTo(last, next, mttr)
		levels = append(levels, next)
	}
	top := levels[len(levels)-1]
	rest := elimination{loses: top.loses, cost: make([]float64, len(top.states)), rates: make([][]float64, len(top.states))}
	for k := range rest.rates {
		rest.cost[k], rest.rates[k] = 1, make([]float64, len(top.states))
	}
	for j := len(levels) - 1; j > 0; j-- {
		rest = rest.eliminate(levels[j], levels[j-1])
	}
	return rest.cost[0] / rest.loses[0], nil
}

// elimination is a level when all those above are gone: its states lead to each
// other and to the loss of the quorum also by way of those, and a stay costs
// the time that is spent there, too.
type elimination struct {
	rates [][]float64 // among the states
	loses []float64   // rate of losing the quorum
	cost  []float64
}

// eliminate takes the states of a level out, one by one: where each leads and
// what it costs is spread over the states that lead to it. No subtraction occurs, so nothing
// is lost however stiff the rates are. What is left is the level below.
func (e elimination) eliminate(at, below *level) elimination {
	n, all := len(below.states), len(below.states)+len(at.states)
	r := make([][]float64, all)
	for i := range r {
		r[i] = make([]float64, all)
	}
	for i, rises := range at.rises {
		for _, x := range rises {
			r[i][n+x.to] += x.value
		}
	}
	for k, falls := range at.falls {
		copy(r[n+k][n:], e.rates[k])
		for _, x := range falls {
			r[n+k][x.to] += x.value
		}
	}
	loses := slices.Concat(below.loses, e.loses)
	cost := slices.Concat(make([]float64, n), e.cost)
	for i := range n {
		cost[i] = 1
	}
	for k := all - 1; k >= n; k-- {
		out := loses[k]
		for _, x := range r[k][:k] {
			out += x
		}
		for i := range k {
			if r[i][k] == 0 {
				continue
			}
			share := r[i][k] / out
			cost[i] += share * cost[k]
			loses[i] += share * loses[k]
			for j, x := range r[k][:k] {
				if j != i {
					r[i][j] += share * x
				}
			}
		}
	}
	for i := range n {
		r[i] = r[i][:n]
	}
	return elimination{rates: r[:n], loses: loses[:n], cost: cost[:n]}
}
