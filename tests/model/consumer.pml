/* The one that reads: of two rings, or of the last one of a chain. */

#define reads(e) (consumer_of(e) == the_consumer)

#ifdef DRAINED_RINGS_ASKED
#define awaits(p, e) (consumer_of(e) == p)
#else
#define awaits(p, e) (consumer_of(e) == p && !drained[e])
#endif

/* available(), or else drained(). Folded: in this order, what is published before a close is seen
   after it. */
inline look(e) {
#ifdef EMPTINESS_BEFORE_CLOSED
  if
  :: items(e) > 0 -> ring = e; goto slice
  :: else
  fi;
  drained[e] = closed[e]
#else
  sees_closed = closed[e];
  if
  :: items(e) > 0 -> ring = e; sees_closed = false; goto slice
  :: else -> drained[e] = sees_closed; sees_closed = false
  fi
#endif
}

/* announce_consumer_waiting(), withdraw_consumer_waiting() */
inline announce(p, e, waiting) {
  if
  :: awaits(p, e) -> consumer_waiting[e] = waiting
  :: else
  fi
}

/* consumer_may_go_on() */
inline look_again(p, e) {
  if
  :: awaits(p, e) ->
     if
     :: closed[e] -> goto going_on
     :: else
     fi;
     if
     :: items(e) > 0 -> goto going_on
     :: else
     fi
  :: else
  fi
}

proctype consumer() {
  byte ring, k, j;
  bool sees_closed;

resting:
  atomic {
    if
    :: posted[the_consumer] > 0 -> begin_turn(the_consumer)
    :: posted[the_consumer] > 0 && crashes > 0 -> die(the_consumer); goto resting
    :: leavers > 0 -> leave_early(the_consumer); goto cancelling
    fi
  }

running:
  /* Any ring that has items. Folded: the producer of one ring doesn't see a look at the other. */
  folded {
    if
    :: atomic { leavers > 0 -> leave_early(the_consumer); goto cancelling }
    :: reads(0) && items(1) > 0 -> ring = 1; goto slice
    :: reads(0) && !drained[0] -> look(0)
    :: !reads(0) || drained[0]
    fi;
    if
    :: !drained[1] -> look(1)
    :: else
    fi;
    if
    :: (!reads(0) || drained[0]) && drained[1] -> goto leaving
    :: else
    fi
  }

  /* Folded: the producer of one ring doesn't see the flag of the other. */
  folded {
    announce(the_consumer, 0, true);
#ifndef ANNOUNCED_ON_ONE_RING
    announce(the_consumer, 1, true)
#endif
  }
  /* Folded: what is found empty was empty when the close was looked for; and who wakes it before
     the withdrawal might as well have done so before the look. */
  folded {
#ifndef CONSUMER_DOES_NOT_LOOK_AGAIN
    look_again(the_consumer, 0);
    look_again(the_consumer, 1);
#endif
    atomic { end_turn(the_consumer); goto resting };
going_on:
    announce(the_consumer, 0, false);
    announce(the_consumer, 1, false)
  }
  goto running;

slice:
  /* Folded: what is there now, and any part of it, is there until it is released. */
  folded {
    k = items(ring);
    do
    :: k > 1 -> k-- /* any slice of it */
    :: break
    od;
    atomic { read(ring) };
#ifdef OUTPUT_BEFORE_COMMIT
    received[ring] = received[ring] + k;
#endif
#ifdef RELEASED_BEFORE_COMMIT
    atomic { release(ring); on_the_way[ring]-- };
#endif
    if
    :: atomic { crashes > 0 -> ring = 0; k = 0; die(the_consumer); goto resting }
    :: skip
    fi;
    /* The commit. */
    atomic {
#ifndef OUTPUT_BEFORE_COMMIT
      received[ring] = received[ring] + k;
#endif
#if defined(RELEASED_BEFORE_COMMIT) || defined(RELEASED_AFTER_WAKE)
      on_the_way[ring]++
#else
      release(ring);
      k = 0
#endif
    }
  }
  wake_producer(ring);
#ifdef RELEASED_AFTER_WAKE
  atomic { release(ring); k = 0; told(ring) };
#endif
  if
  :: atomic { true -> ring = 0; goto running }
  :: atomic { true -> ring = 0; yield(the_consumer); goto resting }
  fi;

cancelling:
  if
  :: reads(0) -> cancel(0)
  :: else
  fi;
  cancel(1);
leaving:
  atomic {
    if
    :: reads(0) -> let_go(0, the_consumer)
    :: else
    fi;
    let_go(1, the_consumer);
    finish(the_consumer)
  }
}
