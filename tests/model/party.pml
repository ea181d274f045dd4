/* The actors at the sides of the rings: how they are woken, take turns, die and start again.

   A worker that dies takes the wake messages that wait for it along; what is sent to it before it
   is replaced is lost too, and the supervisor sends the new one a first message in any case. With
   RESTART_IN_PLACE the actor lives on (stages/worker.hpp): it loses its function, handles messages
   without doing anything, and goes on when it is ordered to and woken. */

#define nobody 3

bool scheduled[3] = true; /* a party starts with its first wake message */
byte posted[3] = 1;       /* wake messages that wait for the present incarnation */
bool dead[3];             /* the present incarnation is, and isn't replaced yet */
bool ordered[3];          /* to start again; of RESTART_IN_PLACE */
bool drained[2];          /* the ring's consumer knows: nothing is left and nothing will come */

byte crashes = CRASHES; /* that may still come */
byte leavers = LEAVERS;

/* Only the assertions read these. */
byte received[2], returned[2];
bool asleep[3] = true;    /* its turn is over */
byte on_the_way[3];       /* how many changed what it may wait for and haven't told it yet */
byte restarting = nobody; /* to whom the supervisor owes a first message */
bool finished[3], left_early[3];

#define asleep(p) \
  (asleep[p] && !dead[p] && posted[p] == 0 && on_the_way[p] == 0 && restarting != p)

#define order_lost(p) (dead[p] && ordered[p] && posted[p] == 0 && on_the_way[p] == 0)
#define end_unseen(e) (closed[e] && items(e) == 0 && !drained[e])
#define producer_lost(e) (asleep(e) && (cancelled[e] || credit(e) >= enough))
#define stage_lost \
  (asleep(1) && (cancelled[1] || (items(0) > 0 && credit(1) >= enough) || end_unseen(0)))
#define consumer_lost(e) (asleep(the_consumer) && (items(e) > 0 || end_unseen(e)))

#define is_out(p) (finished[p] || asleep(p))
#define stuck \
  (is_out(0) && is_out(1) && is_out(2) && !(finished[0] && finished[1] && finished[2]))

/* Asked where a party stops and where a wake-up is no longer on its way: only there can it become
   false. */
inline no_lost_wake_up() {
#ifdef CHAIN
  assert(!producer_lost(0) && !stage_lost && !consumer_lost(1));
#else
  assert(!producer_lost(0) && !producer_lost(1) && !consumer_lost(0) && !consumer_lost(1));
#endif
  assert(!order_lost(0) && !order_lost(1) && !order_lost(2));
  assert(!stuck)
}

/* To the present incarnation. More than one can wait only when wake-ups overlap restarts. */
inline post(p) {
#ifdef RESTART_IN_PLACE
  posted[p]++;
  assert(posted[p] == 1)
#else
  if
  :: dead[p]
  :: else -> posted[p]++; assert(posted[p] <= 1 + CRASHES - crashes)
  fi
#endif
}

inline told(p) {
  on_the_way[p]--;
  no_lost_wake_up()
}

#ifdef UNFOLDED
#define is_safe(p) false
#else
#define is_safe(p) (crashes == 0 && !dead[p] && restarting != p)
#endif

/* waker::wake(): if (!scheduled.exchange(true)) post. Folded where p can't die any more: then a
   message that is posted late is one that is handled late. */
inline wake(p) {
  if
  :: atomic { scheduled[p] -> told(p) } /* somebody else's message is on its way */
  :: atomic { !scheduled[p] && is_safe(p) -> scheduled[p] = true; post(p); told(p) }
  :: d_step { !scheduled[p] && !is_safe(p) -> scheduled[p] = true };
     atomic { post(p); told(p) }
  fi
}

/* Takes a wake message. */
inline begin_turn(p) {
  posted[p]--;
  asleep[p] = false;
#ifndef SCHEDULED_CLEARED_LATE
  scheduled[p] = false;
#endif
  if
  :: dead[p] && !ordered[p] -> asleep[p] = true; goto resting
  :: dead[p] && ordered[p] -> dead[p] = false; ordered[p] = false
  :: else
  fi
}

inline end_turn(p) {
#ifdef SCHEDULED_CLEARED_LATE
  scheduled[p] = false;
#endif
  asleep[p] = true;
  no_lost_wake_up()
}

/* The budget is used up: it wakes itself. One step: nobody else sees what is between the two. */
inline yield(p) {
#ifdef SCHEDULED_CLEARED_LATE
  scheduled[p] = false;
#endif
  if
  :: scheduled[p]
  :: else -> scheduled[p] = true; post(p)
  fi;
  asleep[p] = true;
  no_lost_wake_up()
}

/* The rings and their flags stay. */
inline die(p) {
  crashes--;
#ifndef RESTART_IN_PLACE
  posted[p] = 0;
#endif
  dead[p] = true;
  asleep[p] = true
}

inline leave_early(p) {
  leavers--;
  left_early[p] = true;
  asleep[p] = false
}

#ifdef RESTART_IN_PLACE

inline restart(p) {
#ifdef RESTART_WAKES_FIRST
  atomic { dead[p] && !ordered[p] -> on_the_way[p]++ };
  wake(p);
  ordered[p] = true
#else
  atomic { dead[p] && !ordered[p] -> ordered[p] = true; on_the_way[p]++ };
  wake(p)
#endif
}

#else

/* From the first step on, who wakes p reaches the new incarnation. */
inline restart(p) {
  atomic { dead[p] -> dead[p] = false; restarting = p };
#ifdef RESTART_POSTS_FIRST
  atomic { post(p) };
  scheduled[p] = true;
  restarting = nobody
#else
  /* Folded: a message that is posted late is one that is handled late. */
  folded {
#ifdef RESTART_ONLY_WAKES
    if
    :: scheduled[p]
    :: else -> scheduled[p] = true; post(p)
    fi;
#else
    scheduled[p] = true;
    post(p);
#endif
    atomic { restarting = nobody; no_lost_wake_up() }
  }
#endif
}

#endif

proctype supervisor() {
end:
  do
  :: restart(0)
  :: restart(1)
  :: restart(the_consumer)
  od
}

/* The books: nothing is lost and nothing is doubled. */
inline finish(p) {
  finished[p] = true;
  no_lost_wake_up();
  if
  :: finished[0] && finished[1] && finished[2] ->
#ifdef CHAIN
     assert(received[1] + returned[0] + returned[1] == to_send(0));
     assert(left_early[0] || left_early[1] || left_early[2] || received[1] == to_send(0))
#else
     assert(received[0] + returned[0] == to_send(0));
     assert(received[1] + returned[1] == to_send(1));
     assert(left_early[0] || left_early[2] || received[0] == to_send(0));
     assert(left_early[1] || left_early[2] || received[1] == to_send(1))
#endif
  :: else
  fi
}
