/* The middle of a chain: reads ring 0 and writes ring 1, one item for one, with one `scheduled` for
   both. It sleeps for want of input or of credit; a cancel has to reach it in both cases. */

#ifdef CHAIN

proctype stage() {
  byte k, j;
  bool sees_closed;

resting:
  atomic {
    if
    :: posted[1] > 0 -> begin_turn(1)
    :: posted[1] > 0 && crashes > 0 -> die(1); goto resting
    :: leavers > 0 -> leave_early(1); goto cancelling
    fi
  }

running:
  /* Folded: as in the consumer and the producer. Items and credit, once seen, stay until they are
     used, and neither neighbour sees a look at the other. */
  folded {
    if
    :: atomic { leavers > 0 -> leave_early(1); goto cancelling }
    :: cancelled[1] -> goto cancelling
    :: !cancelled[1] -> sees_closed = closed[0]
    fi;
    if
    :: items(0) == 0 -> atomic { drained[0] = sees_closed; sees_closed = false; goto no_input }
    :: else -> sees_closed = false; k = credit(1)
    fi;
    if
    :: k < WANTED -> k = 0; goto no_credit
    :: else
    fi;
    if
    :: k > items(0) -> k = items(0)
    :: else
    fi;
    do
    :: k > 1 -> k--
    :: break
    od;
    atomic { write(1, at(0, released[0] + j)) };
    if
    :: atomic { crashes > 0 -> roll_back(1); die(1); goto resting }
    :: skip
    fi
  }

  /* The commit: two cursors, the outputs first. */
  atomic { publish(1) };
  wake_consumer(1);
#ifdef CRASH_BETWEEN_PUBLISH_AND_RELEASE
  if
  :: atomic { crashes > 0 -> k = 0; die(1); goto resting }
  :: skip
  fi;
#endif
  atomic { release(0); k = 0 };
  wake_producer(0);
  if
  :: goto running
  :: atomic { true -> yield(1); goto resting }
  fi;

no_input:
  if
  :: drained[0] -> goto closing
  :: else
  fi;
  announce(1, 0, true);
  /* Folded: as in the consumer. */
  folded {
    look_again(1, 0);
    atomic { end_turn(1); goto resting };
going_on:
    announce(1, 0, false)
  }
  goto running;

no_credit:
  producer_waiting[1] = true;
  /* Folded: as in the producer. */
  folded {
    if
    :: cancelled[1] -> goto going_on_with_credit
    :: else
    fi;
    if
    :: credit(1) >= enough -> goto going_on_with_credit
    :: else
    fi;
    atomic { end_turn(1); goto resting };
going_on_with_credit:
    producer_waiting[1] = false
  }
  goto running;

closing:
  close(1);
  goto leaving;
cancelling:
  cancel(0);
  close(1);
leaving:
  atomic {
    let_go(0, 1);
    let_go(1, 1);
    finish(1)
  }
}

#endif
