/* weir::ring_base: two cursors, two ends, two flags; and the slots of weir::ring. */

byte published[2], released[2];
bool closed[2], cancelled[2];
bool consumer_waiting[2], producer_waiting[2];
byte slot[2 * CAPACITY]; /* 0: raw memory; n: the n-th item of its source */
byte held[2] = 2;        /* by its two sides; the last to let go destroys it */

#define items(e) (published[e] - released[e])
#define at(e, index) slot[(e) * CAPACITY + (index) % CAPACITY]

#ifdef CREDIT_OFF_BY_ONE
#define credit(e) (CAPACITY + 1 - items(e))
#else
#define credit(e) (CAPACITY - items(e))
#endif

#define wake_threshold (CAPACITY / 2 + (CAPACITY == 1)) /* max(1, capacity / 2) */

/* The credit with which a producer that was about to sleep goes on. */
#ifdef SECOND_LOOK_IGNORES_WANTED
#define enough wake_threshold
#else
#define enough (WANTED > wake_threshold -> WANTED : wake_threshold)
#endif

/* With what credit does a release wake the producer? */
#ifdef THRESHOLD_NEVER_REACHED
#define wakes(e) (credit(e) > CAPACITY)
#else
#ifdef THRESHOLD_MET_EXACTLY
#define wakes(e) (credit(e) == wake_threshold)
#else
#define wakes(e) (credit(e) >= wake_threshold)
#endif
#endif

/* The loops below are over private slots, k of them, and use the caller's j. */

inline write(e, value) {
  do
  :: j < k ->
     assert(at(e, published[e] + j) == 0); /* no overrun */
     at(e, published[e] + j) = value;
     j++
  :: else -> break
  od;
  j = 0
}

inline roll_back(e) {
#ifdef NOTHING_ROLLED_BACK
  k = 0
#else
  do
  :: k > 0 -> k--; at(e, published[e] + k) = 0
  :: else -> break
  od
#endif
}

/* Each is the item after the last one, and whole. */
inline read(e) {
  do
  :: j < k -> assert(at(e, released[e] + j) == received[e] + j + 1); j++
  :: else -> break
  od;
  j = 0
}

/* publish(): the cursor, and from here on the consumer is to be told. */
inline publish(e) {
  published[e] = published[e] + k;
  on_the_way[consumer_of(e)]++
}

/* release(): the slots, the cursor, and from here on the producer is to be told. */
inline release(e) {
  do
  :: j < k -> at(e, released[e] + j) = 0; j++
  :: else -> break
  od;
  j = 0;
  released[e] = released[e] + k;
  on_the_way[e]++
}

/* wake_consumer(), after a publish or a close. The look before the exchange only saves one. */
inline wake_consumer(e) {
  if
  :: atomic { !consumer_waiting[e] -> told(consumer_of(e)) }
  :: d_step { consumer_waiting[e] -> consumer_waiting[e] = false };
     wake(consumer_of(e))
  fi
}

/* The second half of release_slots(). Three operations, the exchange last; what the producer does
   between them can only make this wake it for nothing. */
inline wake_producer(e) {
  if
  :: atomic { !(producer_waiting[e] && wakes(e)) -> told(e) }
  :: d_step { producer_waiting[e] && wakes(e) -> producer_waiting[e] = false };
     wake(e)
  fi
}

inline close(e) {
  atomic { closed[e] = true; on_the_way[consumer_of(e)]++ };
#ifdef CLOSE_WAKES_NOBODY
  atomic { told(consumer_of(e)) }
#else
  wake_consumer(e)
#endif
}

/* Wakes in any case: the producer may be asleep for another reason than credit. */
inline cancel(e) {
  atomic { cancelled[e] = true; on_the_way[e]++ };
#ifdef CANCEL_WAKES_ONLY_FOR_CREDIT
  if
  :: atomic { !producer_waiting[e] -> told(e) }
  :: d_step { producer_waiting[e] -> producer_waiting[e] = false };
     wake(e)
  fi
#else
  wake(e)
#endif
}

/* The destructor. Neither side alone may count what is left: the other one may still publish, or be
   gone already. */
inline let_go(r, p) {
  held[r]--;
  if
#ifdef CONSUMER_COUNTS_WHAT_IS_LEFT
  :: p == consumer_of(r)
#else
  :: held[r] == 0
#endif
     -> returned[r] = returned[r] + items(r)
  :: else
  fi
}
