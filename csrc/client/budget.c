/* Ten a minute. */
#include "client/budget.h"

void budget_note(struct budget *b, long long now)
{
    b->asked[b->next] = now > 0 ? now : 1;
    b->next = (b->next + 1) % BUDGET_A_MINUTE;
}

void budget_exhaust(struct budget *b, long long now)
{
    for (int i = 0; i < BUDGET_A_MINUTE; i++)
        budget_note(b, now);
}

bool budget_has_room(const struct budget *b, long long now)
{
    int recent = 0;

    for (int i = 0; i < BUDGET_A_MINUTE; i++)
        recent += b->asked[i] > 0 && b->asked[i] > now - BUDGET_WINDOW_MS;
    return recent < BUDGET_A_MINUTE - BUDGET_FOR_ATTESTATION;
}
