package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"p2pnode/node"
)

// dirState is what there is to know of a server's directory.
type dirState struct {
	path    string
	missing bool
	parent  string // the nearest directory above that exists, where path is missing
	kind    fs.FileMode
	owner   int
	mode    fs.FileMode
	secret  *node.Secret
	exposed fs.FileMode // of the secret, where others may read it
	broken  error       // why the secret cannot be read
	denied  error       // why nothing can be written
	barred  string      // the directory above that this user may not enter, where that is why
	free    uint64
	unsure  error // why free is not known
	holder  int   // pid of the server that runs there; 0: none, -1: one that is not seen from here
}

const (
	littleRoom  = 1 << 30  // of free bytes, below which people are warned
	hardlyRoom  = 64 << 20 // below which a server cannot do its work
	secretOfDir = "secret"
	storeOfDir  = "node.db"
)

// directory looks at the directory that serve would take.
func (d *doctor) directory(context.Context) []finding {
	return d.place.judge(d.user)
}

// serverDir is the directory that serve takes with these settings.
func (d *doctor) serverDir() string {
	base := dataHome(os.LookupEnv)
	switch dir, name := d.c.String("dir"), d.c.String("name"); {
	case dir != "":
		return dir
	case name != "":
		return filepath.Join(base, name)
	}
	return filepath.Join(base, hostName())
}

// look finds out about a directory, changing nothing.
func (d *doctor) lookAt(path string) dirState {
	s := dirState{path: path, parent: path}
	info, err := os.Stat(path)
	for err != nil && errors.Is(err, fs.ErrNotExist) && s.parent != filepath.Dir(s.parent) {
		s.missing, s.parent = true, filepath.Dir(s.parent)
		info, err = os.Stat(s.parent)
	}
	if err != nil {
		s.denied, s.barred = err, barrier(s.parent)
		return s
	}
	s.kind, s.mode, s.owner = info.Mode().Type(), info.Mode().Perm(), ownerOf(info)
	if err := unix.Access(s.parent, unix.W_OK|unix.X_OK); err != nil && info.IsDir() {
		s.denied = &fs.PathError{Op: "write in", Path: s.parent, Err: err}
	}
	s.free, s.unsure = d.room(s.parent)
	if !s.missing {
		s.readSecret()
		s.holder = d.holderOf(filepath.Join(path, storeOfDir))
	}
	return s
}

// barrier is the lowest directory above a path that can be seen, if not entered.
func barrier(path string) string {
	for path != filepath.Dir(path) {
		path = filepath.Dir(path)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

func ownerOf(info fs.FileInfo) int {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid)
	}
	return -1
}

func (s *dirState) readSecret() {
	secret, has, err := node.LoadSecret(s.path)
	var open *node.ExposedError
	if errors.As(err, &open) {
		s.exposed = open.Mode.Perm()
	} else {
		s.broken = err
	}
	if has {
		s.secret = &secret
	}
}

// freeBytes is what a user may still write at a place.
func freeBytes(dir string) (uint64, error) {
	var s unix.Statfs_t
	err := unix.Statfs(dir, &s)
	return uint64(s.Bavail) * uint64(s.Bsize), err
}

// judge says what a server would meet in its directory.
func (s dirState) judge(user int) (found []finding) {
	word := shellWord(s.path)
	switch {
	case s.kind != fs.ModeDir && s.denied == nil:
		return one(bad(s.parent+" is not a directory", "a server keeps everything in a directory", "p2pnode serve --dir ELSEWHERE"))
	case s.barred != "":
		return one(bad(s.denied.Error(), "this user may not enter "+s.barred, "ls -ld "+shellWord(s.barred)+"; p2pnode serve --dir ELSEWHERE"))
	case s.denied != nil && s.missing:
		return one(bad(s.path+" is missing and cannot be made: "+s.denied.Error(), "this user may not write there", fmt.Sprintf("sudo install -d -m 700 -o %d %s, or p2pnode serve --dir ELSEWHERE", user, word)))
	case s.denied != nil && s.owner != user:
		return one(bad(s.denied.Error(), fmt.Sprintf("it belongs to user %d, and this is user %d", s.owner, user),
			fmt.Sprintf("sudo -u '#%d' p2pnode doctor, if a server of that user is meant; else sudo chown -R %d %s", s.owner, user, word)))
	case s.denied != nil:
		return one(bad(s.denied.Error(), "this user may not write there, or the disk is read-only", fmt.Sprintf("sudo chown -R %d %s && chmod 700 %[2]s; findmnt -T %[2]s", user, word)))
	}
	if s.broken != nil {
		found = append(found, bad(plain(s.broken), "without its secret a server has no cluster", "p2pnode token --peer on another server of the cluster, written to "+shellWord(filepath.Join(s.path, secretOfDir))))
	}
	if s.exposed != 0 {
		found = append(found, bad(fmt.Sprintf("%s has mode %04o", filepath.Join(s.path, secretOfDir), s.exposed),
			"others can read the cluster's secret, and serve refuses to start", "chmod 600 "+shellWord(filepath.Join(s.path, secretOfDir))))
	}
	if !s.missing && s.owner != user {
		found = append(found, doubt(fmt.Sprintf("%s belongs to user %d, and this is user %d", s.path, s.owner, user), "it was made by another user, often root", fmt.Sprintf("sudo chown -R %d %s", user, word)))
	}
	if !s.missing && s.mode&0o077 != 0 {
		found = append(found, doubt(fmt.Sprintf("%s has mode %04o", s.path, s.mode), "others can look into it", "chmod 700 "+word))
	}
	return append(append(found, s.space()...), good("%s", s.summary()))
}

// space judges what is left of the disk.
func (s dirState) space() []finding {
	seen := fmt.Sprintf("%d MiB are free at %s", s.free>>20, s.parent)
	switch {
	case s.unsure != nil:
		return one(unknown("free space is not known", s.unsure.Error(), "df -h "+shellWord(s.parent)))
	case s.free < hardlyRoom:
		return one(bad(seen, "results need room", "df -h "+shellWord(s.parent)+"; p2pnode serve --dir ELSEWHERE"))
	case s.free < littleRoom:
		return one(doubt(seen, "a server keeps up to 8 GiB of results", "p2pnode serve --max-results "+strconv.FormatUint(s.free/2, 10)))
	}
	return nil
}

func (s dirState) summary() string {
	text := s.path
	switch {
	case s.missing:
		text += " will be made"
	case s.holder > 0:
		text += fmt.Sprintf(", in use by the server of process %d", s.holder)
	case s.holder < 0:
		text += ", in use by a running server"
	case s.secret != nil:
		text += ", of a server that does not run"
	default:
		text += ", without a secret yet"
	}
	if s.unsure == nil {
		text += fmt.Sprintf("; %.1f GiB free", float64(s.free)/(1<<30))
	}
	return text
}

// holderOf reads from the kernel's list of locks who has a file locked, without touching it: its pid, -1 if that is not
// seen from here, 0 if nobody has.
func (d *doctor) holderOf(file string) int {
	info, err := os.Stat(file)
	if err != nil {
		return 0
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	locks, err := os.Open(filepath.Join(d.proc, "locks"))
	if err != nil {
		return 0
	}
	defer locks.Close()
	dev := uint64(stat.Dev)
	where := fmt.Sprintf("%02x:%02x:%d", unix.Major(dev), unix.Minor(dev), stat.Ino)
	for lines := bufio.NewScanner(locks); lines.Scan(); {
		f := strings.Fields(lines.Text()) // 1: FLOCK ADVISORY WRITE 4711 08:01:131 0 EOF
		if len(f) >= 6 && f[1] == "FLOCK" && f[3] == "WRITE" && f[5] == where {
			pid, err := strconv.Atoi(f[4])
			if err != nil || pid <= 0 {
				return -1
			}
			return pid
		}
	}
	return 0
}
