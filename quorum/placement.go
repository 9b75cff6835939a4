package quorum

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Placement is a way to spread the voters of a majority over zones.
type Placement struct {
	Sizes        []int // voters in each zone, in the order of the zones given
	SurvivesAny  bool  // any single zone can be lost
	Further      int   // failures still tolerated after the worst zone is lost; -1: none is
	Availability Availability
}

// maxPlacements bounds what Place ranks: a thousand voters on three zones that are alike.
const maxPlacements = 100_000

// Place ranks the ways to put n equal voters, counted by majority, on the given
// zones: the most available first. With zones that are all alike, sizes that
// are permutations of each other are listed once, largest first. Members of the zones are
// ignored.
//
// Algorithm: all partitions (or, when the zones differ, all distributions). Which zones
// are lost decides how many voters are left, and that how likely a majority of all is
// among them, a binomial tail: O(n²) for the tails, O(2^zones) a placement. Source:
// enumeration, conditioned on the zones as AvailableWithZones. ErrTooLarge beyond 100,000
// placements; ErrInvalid for n < 1, no zones or a missing probability.
func Place(n int, zones []Zone, p Probability) ([]Placement, error) {
	if err := checkZones(zones); err != nil {
		return nil, err
	}
	m, err := MajorityOf(n)
	if err != nil {
		return nil, err
	}
	if !p.valid() {
		return nil, invalidf("no probability for the servers")
	}
	return rankPlacements(budgetFor(m, fmt.Sprintf("the ranking on %s", plural(len(zones), "zone")), aQuestion), m, zones, p)
}

func rankPlacements(b *budget, m *Majority, zones []Zone, p Probability) ([]Placement, error) {
	n := len(m.ids)
	pl := placing{budget: b, n: n, quorum: m.Size(), zones: make([]chance, len(zones)), alike: true, sizes: make([]int, len(zones))}
	for i, z := range zones {
		up := z.Up
		if !up.valid() {
			up = Certain
		}
		pl.zones[i] = up.chance()
		pl.alike = pl.alike && pl.zones[i] == pl.zones[0]
	}
	if err := pl.tails(p.chance()); err != nil {
		return nil, err
	}
	if err := pl.choose(0, n, n, []weighed[float64]{{0, 0}}); err != nil {
		return nil, err
	}
	slices.SortStableFunc(pl.found, func(a, b Placement) int {
		return cmp.Compare(a.Availability.LogDown(), b.Availability.LogDown())
	})
	return pl.found, nil
}

// placing is the state of Place.
type placing struct {
	budget    *budget
	n, quorum int
	zones     []chance
	alike     bool     // the zones
	left      []chance // of a quorum, by how many voters are left
	sizes     []int    // of the zones, as far as they have been chosen
	found     []Placement
}

// tails computes how likely a quorum is among the voters that the zones leave.
func (p *placing) tails(server chance) error {
	if err := p.budget.spend(int64(p.n) * int64(p.n)); err != nil {
		return err
	}
	for left := range p.n + 1 {
		p.left = append(p.left, binomialOutage(left, left-p.quorum+1, server))
	}
	return nil
}

// choose chooses the size of one zone after another: at most most, of the voters that
// remain. lost are the numbers of voters that may be lost with the zones so far, and ln of
// how likely.
func (p *placing) choose(zone, remain, most int, lost []weighed[float64]) error {
	if zone == len(p.zones)-1 {
		if remain > most {
			return nil
		}
		p.sizes[zone] = remain
		return p.add(lost)
	}
	for size := min(remain, most); size >= 0; size-- {
		if p.alike && size*(len(p.zones)-zone) < remain {
			return nil // the others cannot hold what remains without exceeding size
		}
		p.sizes[zone] = size
		limit := p.n
		if p.alike {
			limit = size
		}
		c := p.zones[zone]
		next, err := branch(p.budget, lost, int64(size),
			func(ln float64) float64 { return ln + c.up }, func(ln float64) float64 { return ln + c.down }, logAdd)
		if err != nil {
			return err
		}
		if err := p.choose(zone+1, remain-size, limit, next); err != nil {
			return err
		}
	}
	return nil
}

// add judges the placement that has been chosen.
func (p *placing) add(lost []weighed[float64]) error {
	if len(p.found) == maxPlacements {
		return fmt.Errorf("%w: there are more than %d ways to put %d voters on %d zones: name fewer zones",
			ErrTooLarge, maxPlacements, p.n, len(p.zones))
	}
	last := len(p.zones) - 1
	if err := p.budget.spend(64 * int64(len(lost)+4)); err != nil {
		return err
	}
	sum := func(side func(chance) float64) float64 {
		total := math.Inf(-1)
		for _, st := range lost {
			left := p.n - int(st.sum)
			total = logAdd(total, st.value+p.zones[last].up+side(p.left[left]))
			total = logAdd(total, st.value+p.zones[last].down+side(p.left[left-p.sizes[last]]))
		}
		return min(total, 0)
	}
	// The smaller side decides, and the other one is what it leaves.
	total := fromDown(sum(func(c chance) float64 { return c.down }))
	if total.down > -math.Ln2 {
		total = fromUp(sum(func(c chance) float64 { return c.up }))
	}
	further := max(-1, p.n-slices.Max(p.sizes)-p.quorum)
	p.found = append(p.found, Placement{slices.Clone(p.sizes), further >= 0, further,
		Availability{total}})
	return nil
}
