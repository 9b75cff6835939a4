package localcluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// How an ensemble's ports are chosen. Each rule prevents a failure that users of other tools met:
//
//   - below the kernel's ephemeral range, so that no outgoing connection happens to sit on a port
//     that a member needs when it starts again;
//   - written down, so that a restarted ensemble is where its clients expect it;
//   - checked by binding, so that a foreign program's port is passed over;
//   - kept in a register that all ensembles of the user share, so that the ports of a stopped
//     ensemble, or of one about to start, are not given away;
//   - searched from a point that depends on the ensemble, so that even users who share no register
//     seldom meet.
const (
	lowestPort  = 10000 // below are the well-known services, ZooKeeper's own 2181 among them
	highestPort = 32768 // where Linux starts its ephemeral range; other systems start higher
)

// portRange is low <= port < high.
type portRange struct{ low, high int }

// allocatable is the range that ports are chosen from on this machine.
func allocatable() portRange {
	r := portRange{lowestPort, highestPort}
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return r // not Linux
	}
	return r.below(string(text))
}

// below cuts the range where the kernel's ephemeral range, in the format of /proc, begins. A machine
// whose ephemeral range leaves no room keeps the whole range: checked ports are better than none.
func (r portRange) below(procText string) portRange {
	fields := strings.Fields(procText)
	if len(fields) != 2 {
		return r
	}
	start, err := strconv.Atoi(fields[0])
	if err != nil || start >= r.high || start < r.low+1000 {
		return r
	}
	return portRange{r.low, start}
}

// choose finds count ports in a row for which free says yes, trying first those from start on.
func (r portRange) choose(start, count int, free func(port int) bool) (int, error) {
	size := r.high - r.low
	if count > size {
		return 0, fail(CodeFailed, "", "%d ports are needed and there are %d below the ephemeral range", count, size)
	}
	for tried, first := 0, start; tried < size; {
		if first+count > r.high {
			tried += r.high - first
			first = r.low
			continue
		}
		busy := lastBusy(first, count, free)
		if busy < 0 {
			return first, nil
		}
		tried += busy + 1 - first
		first = busy + 1
	}
	return 0, fail(CodeFailed, "name a free range with --base-port", "no %d free ports in a row between %d and %d", count, r.low, r.high)
}

// lastBusy is the highest of the ports first … first+count-1 that is not free, or -1. The highest,
// because no run that contains it can do: the search goes on behind it.
func lastBusy(first, count int, free func(int) bool) int {
	for p := first + count - 1; p >= first; p-- {
		if !free(p) {
			return p
		}
	}
	return -1
}

// start is where the search for an ensemble's ports begins: a round number that its path decides.
func (r portRange) start(folder Folder) int {
	const step = 100
	slots := (r.high - r.low) / step
	return r.low + int(hashOf(string(folder))%uint64(slots))*step
}

// bindable says why a port cannot be listened on, nil when it can.
func bindable(port int) error {
	l, err := net.Listen("tcp", loopback(port))
	if err != nil {
		return err
	}
	return l.Close()
}

// checkPorts names the first port of the ensemble that something else listens on.
func (s *Spec) checkPorts() error {
	for _, p := range s.ports() {
		if err := bindable(p.number); err != nil {
			hint := "stop what listens there, or make the ensemble anew with another --base-port (`zkctl down --purge` deletes this one)"
			if !errors.Is(err, syscall.EADDRINUSE) {
				hint = ""
			}
			return fail(CodeFailed, hint, "port %d (%s) cannot be used: %w", p.number, p.use, err)
		}
	}
	return nil
}

// awaitPorts waits a moment for ports that are taken: when the ensemble's last supervisor was killed
// just now, the kernel may not have ended its members yet.
func (s *Spec) awaitPorts() error {
	deadline := time.Now().Add(2 * time.Second)
	for {
		err := s.checkPorts()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// register is the list of the port ranges that ensembles of this user have on this machine. It is
// read and written under a lock, held until the new ensemble's spec is on disk.
type register struct {
	path    string
	lock    *fileLock
	entries []registered
}

type registered struct {
	Folder string `json:"folder"`
	First  int    `json:"first"`
	Count  int    `json:"count"`
}

// registerTime is how long the register may be in use by other ups: each needs it for some milliseconds.
const registerTime = 3 * time.Second

// openRegister locks the register of this user, and reads it.
func openRegister(home Home) (*register, error) {
	path := filepath.Join(registerDir(home), ".ports.lock")
	lock, err := awaitFile(path, registerTime)
	if err != nil {
		return nil, fmt.Errorf("register of ports: %w", err)
	}
	if lock == nil {
		return nil, fail(CodeFailed, "another zkctl up that is stopped or hangs may hold it: `fuser "+path+"` says which process",
			"register of ports: %s has been locked for %s", path, registerTime)
	}
	r, err := readRegister(home)
	if err != nil {
		lock.unlock()
		return nil, err
	}
	r.lock = lock
	return r, nil
}

// readRegister reads the register as it is at this moment, without its lock.
func readRegister(home Home) (*register, error) {
	r := &register{path: filepath.Join(registerDir(home), ".ports.json")}
	// An unreadable register counts as empty: it only prevents clashes that binding would show.
	if text, err := readRegular(r.path); err == nil {
		_ = json.Unmarshal(text, &r.entries)
	}
	r.prune()
	return r, r.addHome(home)
}

// registerDir is where the register is: where the runtime directory is unusable the home keeps one, which
// still serves all ensembles of that home.
func registerDir(home Home) string {
	dir, err := runtimeDir()
	if err != nil {
		return string(home)
	}
	return dir
}

func (r *register) close() { r.lock.unlock() }

// prune drops the ensembles that do not exist any more.
func (r *register) prune() {
	var kept []registered
	for _, e := range r.entries {
		if _, err := os.Stat(Folder(e.Folder).SpecFile()); err == nil {
			kept = append(kept, e)
		}
	}
	r.entries = kept
}

// addHome enters the ensembles of the home, in case the register was lost (/tmp is cleared on reboot).
func (r *register) addHome(home Home) error {
	names, err := home.Names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if spec, err := LoadSpec(home.Folder(name)); err == nil {
			r.enter(home.Folder(name), spec)
		}
	}
	return nil
}

// enter records an ensemble's ports.
func (r *register) enter(folder Folder, spec *Spec) {
	entry := registered{Folder: string(folder), First: spec.firstPort(), Count: spec.portCount()}
	for i := range r.entries {
		if r.entries[i].Folder == entry.Folder {
			r.entries[i] = entry
			return
		}
	}
	r.entries = append(r.entries, entry)
}

// owner is the folder of the ensemble that has the port, "" when none has.
func (r *register) owner(port int) string {
	for _, e := range r.entries {
		if e.First <= port && port < e.First+e.Count {
			return e.Folder
		}
	}
	return ""
}

// save writes the register.
func (r *register) save() error {
	text, err := json.Marshal(r.entries)
	if err != nil {
		return err
	}
	return writeAtomically(r.path, append(text, '\n'))
}

// allocate gives the spec its ports: from base on when base is not 0, else wherever there is room.
func (r *register) allocate(spec *Spec, folder Folder, base int) error {
	count := spec.portCount()
	if base != 0 {
		return r.allocateAt(spec, base)
	}
	within := allocatable()
	first, err := within.choose(within.start(folder), count, func(port int) bool {
		return r.owner(port) == "" && bindable(port) == nil
	})
	if err != nil {
		return err
	}
	spec.assignPorts(first)
	return nil
}

// checkBase refuses a first port from which the ensemble's would leave the range of unprivileged ports.
func (s *Spec) checkBase(base int) error {
	const lowest, highest = 1024, 65535
	if base < lowest || base > highest-s.portCount()+1 {
		return fail(CodeUsage, fmt.Sprintf("choose a base between %d and %d", lowest, highest-s.portCount()+1),
			"--base-port %d: the ensemble needs %d ports from there", base, s.portCount())
	}
	return nil
}

func (r *register) allocateAt(spec *Spec, base int) error {
	if err := spec.checkBase(base); err != nil {
		return err
	}
	spec.assignPorts(base)
	for _, p := range spec.ports() {
		if owner := r.owner(p.number); owner != "" {
			return fail(CodeFailed, "choose another --base-port, or none", "port %d (%s) belongs to the ensemble in %s", p.number, p.use, owner)
		}
		if err := bindable(p.number); err != nil {
			return fail(CodeFailed, "choose another --base-port, or none", "port %d (%s) cannot be used: %w", p.number, p.use, err)
		}
	}
	return nil
}
