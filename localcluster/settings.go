package localcluster

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// The zoo.cfg keys that every local ensemble starts from. Ticks are ten times faster than
// ZooKeeper's usual 2000 ms, so that an ensemble on one machine notices a dead leader within a
// second; session timeouts are clamped to a range that leaves the usual 10 s of clients as it is.
const defaultTick = 200 * time.Millisecond

func defaultSettings() map[string]string {
	return map[string]string{
		"tickTime":               strconv.FormatInt(defaultTick.Milliseconds(), 10),
		"initLimit":              "10",
		"syncLimit":              "5",
		"minSessionTimeout":      "400",
		"maxSessionTimeout":      "60000",
		"4lw.commands.whitelist": "*",
		"admin.enableServer":     "false",
		// By default ZooKeeper never purges; an ensemble that is left alone must not fill the disk.
		"autopurge.purgeInterval": "1",
	}
}

// ownKeys are the keys that zkctl chooses: where a member is, and which addresses it uses.
var ownKeys = map[string]bool{
	"dataDir": true, "clientPort": true, "clientPortAddress": true, "admin.serverPort": true, "peerType": true,
	"secureClientPort": true, "secureClientPortAddress": true, "dynamicConfigFile": true,
	"dataLogDir": true, "observerMasterPort": true, "quorumListenOnAllIPs": true,
}

func ownKey(key string) bool {
	return ownKeys[key] || strings.HasPrefix(key, "server.")
}

// applySettings adds `key=value` words, as --set takes them, to settings.
func applySettings(settings map[string]string, words []string) error {
	for _, word := range words {
		key, value, ok := strings.Cut(word, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || key == "" || strings.ContainsAny(word, "\r\n") || strings.ContainsAny(key, " \t:#!\\") {
			return fail(CodeUsage, "write --set key=value with a key of zoo.cfg, such as --set snapCount=1000", "setting %q is no key=value", word)
		}
		if ownKey(key) {
			return fail(CodeUsage, "members, ports and directories are zkctl's to choose: see --nodes, --observers and --base-port",
				"setting %q cannot be made", key)
		}
		settings[key] = value
	}
	return checkSettings(settings)
}

// checkEngines refuses settings that an engine of the ensemble cannot be run with.
func (s *Spec) checkEngines() error {
	if !strings.EqualFold(s.Settings["reconfigEnabled"], "true") {
		return nil
	}
	for _, m := range s.Members {
		if m.Engine == Apache {
			return fail(CodeUsage, "leave reconfigEnabled out, or use the embedded engine",
				"reconfigEnabled=true does not work with member %d, of the engine apache: its servers adopt the addresses in the leader's "+
					"configuration, which are the leader's own links", m.ID)
		}
	}
	return nil
}

// checkSettings refuses the values that would keep every member from starting; the rest is for the
// member to judge, since it knows its own keys best.
func checkSettings(settings map[string]string) error {
	for _, key := range []string{"tickTime", "initLimit", "syncLimit"} {
		n, err := strconv.Atoi(settings[key])
		if err != nil || n < 1 {
			return fail(CodeUsage, "", "%s=%s: a whole number from 1 up is needed", key, settings[key])
		}
	}
	return nil
}

func parseMillis(text string) (time.Duration, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is no number of milliseconds", text)
	}
	return time.Duration(n) * time.Millisecond, nil
}

// configText is the zoo.cfg of one member. Its own server line names its real ports, because it
// binds them; the lines of the others name this member's links to them, because it dials those. So
// each member has a text of its own, and no member ever knows a peer's real port.
//
// The file is ZooKeeper's, in Java's properties syntax, and nothing in it is special to the embedded
// engine: an Apache member gets the same.
func (s *Spec) configText(member MemberSpec, folder MemberFolder) string {
	var text strings.Builder
	fmt.Fprintf(&text, "# Member %d of the ensemble %q. zkctl writes this file at every start: use `zkctl up --set`.\n", member.ID, s.Name)
	put := func(key, value string) { fmt.Fprintf(&text, "%s=%s\n", key, escapeProperty(value)) }
	put("dataDir", folder.DataDir())
	put("clientPort", strconv.Itoa(member.ClientPort))
	put("clientPortAddress", "127.0.0.1")
	if s.Settings["admin.enableServer"] == "true" {
		put("admin.serverAddress", "127.0.0.1")
		put("admin.serverPort", strconv.Itoa(member.AdminPort))
	}
	if member.Observer {
		put("peerType", "observer")
	}
	settings := s.effectiveSettings()
	keys := make([]string, 0, len(settings))
	for key := range settings {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		put(key, settings[key])
	}
	if !s.standalone() {
		for _, m := range s.Members {
			put(fmt.Sprintf("server.%d", m.ID), s.serverLine(member, m))
		}
	}
	return text.String()
}

// standalone tells whether the only member runs without election and broadcast, as ZooKeeper does by
// default when its configuration names one server.
func (s *Spec) standalone() bool {
	return len(s.Members) == 1 && s.Settings["standaloneEnabled"] != "false"
}

// effectiveSettings are the settings with what the members' number forces: ZooKeeper refuses a
// single voter with observers unless standaloneEnabled is false.
func (s *Spec) effectiveSettings() map[string]string {
	settings := make(map[string]string, len(s.Settings)+1)
	for k, v := range s.Settings {
		settings[k] = v
	}
	if len(s.Voters()) == 1 && len(s.Members) > 1 {
		settings["standaloneEnabled"] = "false"
	}
	return settings
}

// serverLine is how `reader` finds m: at its own ports, or at the far ends of its links to it.
func (s *Spec) serverLine(reader, m MemberSpec) string {
	quorum, election := m.QuorumPort, m.ElectionPort
	for _, l := range s.Links {
		if l.From != reader.ID || l.To != m.ID {
			continue
		}
		if l.Channel == channelQuorum {
			quorum = l.Port
		} else {
			election = l.Port
		}
	}
	role := "participant"
	if m.Observer {
		role = "observer"
	}
	return fmt.Sprintf("127.0.0.1:%d:%d:%s", quorum, election, role)
}

// escapeProperty writes a value so that Java's Properties reads it back as it is. Java reads the file
// as Latin-1, so whatever is not ASCII (a home directory's name, say) becomes \uXXXX.
func escapeProperty(value string) string {
	var text strings.Builder
	for i, unit := range utf16.Encode([]rune(value)) {
		switch {
		case unit == '\\', unit == ' ' && i == 0:
			text.WriteByte('\\')
			text.WriteByte(byte(unit))
		case unit < ' ' || unit > '~':
			fmt.Fprintf(&text, `\u%04x`, unit)
		default:
			text.WriteByte(byte(unit))
		}
	}
	return text.String()
}
