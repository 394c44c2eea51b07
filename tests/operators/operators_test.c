/* What holds for every operator there is. */
#include "operators/operators.h"

#include "tests/test.h"

/* A rescale could not place the entries of another one. */
TEST(each_store_of_an_operator_with_inputs_says_how_its_entries_are_shared_out)
{
	for (int i = 0; operators_table[i]; i++) {
		const struct operator_type *type = operators_table[i];

		for (const struct store_spec *store = type->stores; store && store->name; store++) {
			if (!type->inputs || !type->inputs[0].name)
				continue;
			check(store->keyed_like_input || store->share);
			check(!store->merge || !store->rewrite); /* parts of two forms would be made one */
		}
	}
}
