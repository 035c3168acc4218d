// Package election decides which node leads a cluster. A Machine is one node's part in it: a pure value that is told what its
// owner hears (Receive, Heard, Member), what is on disk (Stored) and how late it is (Advance), and that says what to send,
// what to store and what has changed (Take). The words MUST and MAY below are those of RFC 2119; rule numbers are
// those of PROTOCOL.md §6.
//
// # Terms
//
// A leadership is a pair (epoch, leader). An epoch alone names one only in majority mode. A promise is an epoch and the
// node it was given to; promises only rise. A node vouches for a leader while it has direct evidence of it: a datagram of the leader
// itself, of a live session, younger than suspect (600 ms). What third nodes say is never evidence (L3).
//
// # A campaign
//
//	                 leader dead, left, resigned,             all live peers, or most after 300 ms;
//	                 or 1 s without one: rank·25 ms           alone: 1 s after the last peer's death
//	follower ───────────────────────────────────► pre ─────────────────────────────► vote ──────────► leader
//	   ▲                                           │  majority mode: most voters       │  the same, and   │
//	   │     Alive, LeaderAlive, granted a better: │  hold 0.8–1 s                     │  own promise     │
//	   ├───────────────────────────────────────────┤                                   │  on disk         │
//	   ├──────── 1.5 s over: again in 0–100 ms ────┴──────────── lost: hold ───────────┘                  │
//	   └────── a claim at epoch ≥ promised, or of a better rival; no majority alive; Resign ──────────────┘
//
// The pre phase names the epoch max(promised, told)+1 and raises nothing. The vote phase promises that epoch to the candidate
// itself, in parallel with asking; the candidate MUST NOT lead before its own promise is durable. The priority
// (load in steps of five points, then id; lower is better) is frozen from the start of the campaign.
//
// Who owes a candidate an answer is pinged every 40 ms: what goes to and fro carries again what was lost.
//
// # Answering Election
//
// The first rule that applies decides:
//
//  1. Majority mode, old store, less than suspect since the start: nothing yet; the newest question of each candidate is answered
//     when that time is over (L1).
//  2. It comes from the leader followed and is no newer than its leadership: nothing. A newer pre from it means that it leads no more.
//  3. This node leads, or vouches for another than the candidate and, in a vote, its giver (rotate.go): LeaderAlive, to pre and to vote. In majority mode every leader
//     heard within suspect counts, also one since left for another, unless it said itself that it leads no more (L5).
//  4. The epoch is below the promise, or equal and promised to another: EpochBehind.
//  5. A pre, and a better candidate is known (this node, if it is free to campaign and, in majority mode, holds a majority alive; or
//     the one it granted within the last second): Alive, once per candidate and epoch. If it is this node, it campaigns: at once when it knows
//     of none better, else after its head start.
//  6. Any other pre: Grant. A node without a better pre of its own gives its own up and holds; a better one goes on beside its grant,
//     for two that give up for each other elect nobody.
//  7. A vote: promise the epoch, leave the silent leader followed, and Grant once the promise is durable; hold.
//
// # Following
//
// A claim is a Heartbeat, Ping or Coordinator in which the sender names itself. Numbered ones older than what was seen from that boot of it say nothing.
//
//   - no fresh leader: follow a claim at epoch ≥ promised; tell one below by EpochBehind (L2), not in answer to pings.
//   - a fresh leader: stay, except for a Coordinator of higher epoch; in majority mode for any claim of higher epoch.
//   - the leader's own newer heartbeat names it no more: leave it. The first such after a Coordinator is ignored until a numbered claim was
//     seen, since a Coordinator may overtake the last heartbeat from before it. Named nobody: campaign after rank; named another: listen for 1 s.
//
// Following promises the epoch to the leader; nothing waits for that to be durable, for nothing is granted by it.
// A node without a leader says its promise as the epoch of its heartbeats, so that candidates start above it.
//
// # Leading
//
// On taking office: Coordinator to every live peer, and pings to each that has echoed nothing since, for 1.5 s. A peer that comes alive later learns from heartbeats alone: a Coordinator
// would win over a rival's followers before anybody has compared.
//
//   - EpochBehind to a heartbeat or Coordinator: confirm. Available mode makes max(promised, told, rival)+1 durable and sends Coordinator;
//     majority mode asks Election(vote) at that epoch, remains leader, and repeats after 1 s at the earliest if it is still told.
//
//   - Another leader, available mode: nothing for the first 600 ms of contact, then at each heartbeat compare (followers, epoch,
//     priority); the better confirms itself, at most once a second, the other serves until that Coordinator comes.
//
//   - Another leader, majority mode: follow the higher epoch. If the own promise has outrun it, resign at once and say EpochBehind.
//
//   - Majority mode: a majority no longer alive begins a grace of one lease, in which pings and Hellos are the probe (L4); then resign.
//
//   - In office for a rotation, and idle: offer the lead to the next on the ring (rotate.go draws it).
//
// # Lease
//
//	leader    s₁────────────s₂───────────────────s₂+500 ms: may not assign
//	            ╲          ╱  ╲      echo s₂    ╱
//	follower     └► hears ┘    └► hears ──────►┘ ..... vouches until it heard s₂ + 600 ms
//
// In majority mode the leader may assign at t if most voters, itself included, have echoed, in a Heartbeat or Pong naming this leadership, something it
// sent after t − lease (L5). The 100 ms by which a lease is shorter than suspect pay for clocks of different rates. The voter that would be common to such a
// majority and to the votes of a successor would have to echo after it voted, or vote while it vouched; both are forbidden, so no two leaders assign
// at one instant. A follower whose echo is older than 3/5 of a lease is pinged every 40 ms. After a pause longer than a lease
// only echoes of what was sent since count, in both modes.
//
// # Contract with the owner
//
// Call Heard for each authenticated datagram of a live session, Member on each change of standing (a new boot is Dead, then Alive), and both
// before Receive of what the datagram carried; messages of peers not alive are ignored. Call Sent before a numbered heartbeat or ping
// leaves; sequences of both grow together, per peer or over all. Deliver Election, Alive, Grant, LeaderAlive, Coordinator and EpochBehind to
// a phase reliably and once; order does not matter. Call Stored when a Persist is on disk. When the process stops, call Retire; when it slept, Resign.
//
// Where this goes beyond the first sketch of PROTOCOL.md §6: rules 5 (a favoured third candidate, the head start), 6 (the better goes on),
// 1 (answers late instead of never), EpochBehind to a pre, the ignored first disclaimer, the 600 ms before rivals compare, and the
// majority leader that resigns when its promise has outrun a lawful rival. Without rule 6, the ignored disclaimer or that resignation,
// simulated clusters lost a leader they had, or found none.
package election
