/* How the two sides of a ring sleep and wake each other, for an exhaustive check by spin: see
   README.md.

   A step is one atomic operation of the C++ (mailbox/ring.hpp, and the actor behind
   mailbox/waker.hpp), sequentially consistent, together with what its party does before the next
   one to data that nobody else can see then. Operations that are `folded` count as one step too:
   the comment there says why nothing is missed by it, and -DUNFOLDED takes them one by one.

   #ifdefs break the protocol, each in one way; check.sh sees each of them fail. The others choose:
   UNFOLDED, CHAIN, and RESTART_IN_PLACE, for which see party.pml. */

/* Two producers, each with a ring to the consumer. Or a chain: source, stage, sink. */
#define the_consumer 2 /* party; producer e is party e and writes to ring e */
#ifdef CHAIN
#define consumer_of(e) ((e) + 1)
#else
#define consumer_of(e) the_consumer
#endif

#ifndef CAPACITY
#define CAPACITY 2 /* of each ring */
#endif

/* What each producer has to send; more than the capacity, so that slots are used again. */
#ifndef ITEMS_0
#define ITEMS_0 (CAPACITY + 1)
#endif
#ifndef ITEMS_1
#define ITEMS_1 ITEMS_0
#endif
#define to_send(e) ((e) == 0 -> ITEMS_0 : ITEMS_1)

/* Credit without which a producer can't run an item: what one item may emit at most. */
#ifndef WANTED
#define WANTED 1
#endif

/* What may go wrong in one run, at most: workers that die; parties that go away for good before the
   end (a producer closes early, a consumer cancels), also while they are asleep. */
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef LEAVERS
#define LEAVERS 0
#endif

#ifdef UNFOLDED
#define folded
#else
#define folded atomic
#endif

#include "ring.pml"
#include "party.pml"
#include "producer.pml"
#include "consumer.pml"
#include "stage.pml"

init {
  atomic {
    run producer(0);
#ifdef CHAIN
    run stage();
#else
    run producer(1);
#endif
    run consumer();
    run supervisor()
  }
}
