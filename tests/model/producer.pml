/* The one that writes to ring e: a source, which always has the next item at hand. */

proctype producer(byte e) {
  byte k, j;

resting:
  atomic {
    if
    :: posted[e] > 0 -> begin_turn(e)
    :: posted[e] > 0 && crashes > 0 -> die(e); goto resting
    :: leavers > 0 && published[e] < to_send(e) -> leave_early(e); goto closing
    fi
  }

running:
  /* Folded: no credit comes after a cancel, so what is seen here was true at once before it. */
  folded {
    if
    :: cancelled[e] -> goto leaving
    :: else
    fi;
    if
    :: atomic { leavers > 0 && published[e] < to_send(e) -> leave_early(e); goto closing }
    :: published[e] == to_send(e) -> goto closing
    :: published[e] < to_send(e) -> k = credit(e)
    fi;
    if
    :: k < WANTED -> k = 0; goto sleeping
    :: else
    fi;
    if
    :: k > to_send(e) - published[e] -> k = to_send(e) - published[e]
    :: else
    fi;
    do
    :: k > 1 -> k-- /* any slice there is credit for */
    :: break
    od;
    atomic { write(e, published[e] + j + 1) };
    if
    :: atomic { crashes > 0 -> roll_back(e); die(e); goto resting }
    :: skip
    fi
  }

  /* The commit. */
#ifdef PUBLISHED_AFTER_WAKE
  atomic { on_the_way[consumer_of(e)]++ };
  wake_consumer(e);
  atomic { publish(e); k = 0; told(consumer_of(e)) };
#else
  atomic { publish(e); k = 0 };
#ifdef CRASH_BETWEEN_PUBLISH_AND_WAKE
  if
  :: atomic { crashes > 0 -> on_the_way[consumer_of(e)]--; die(e); goto resting }
  :: skip
  fi;
#endif
  wake_consumer(e);
#endif
  if
  :: goto running
  :: atomic { true -> yield(e); goto resting }
  fi;

sleeping:
  producer_waiting[e] = true; /* announce_producer_waiting() */
  /* producer_may_go_on(). Folded: as above; and who wakes it before the withdrawal might as well
     have done so before the look. */
  folded {
#ifndef PRODUCER_DOES_NOT_LOOK_AGAIN
    if
    :: cancelled[e] -> goto going_on
    :: else
    fi;
    if
    :: credit(e) >= enough -> goto going_on
    :: else
    fi;
#endif
    atomic { end_turn(e); goto resting };
going_on:
    producer_waiting[e] = false
  }
  goto running;

closing:
  close(e);
leaving:
  atomic {
    returned[e] = returned[e] + to_send(e) - published[e];
    let_go(e, e);
    finish(e)
  }
}
