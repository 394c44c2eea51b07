#include "base/memory.h"
#include "tests/operators/traffic_feed.h"
#include "tests/test.h"

TEST(a_request_depends_on_its_number_and_the_seed_alone)
{
	struct traffic_parameters parameters = faulty_parameters(0.02), other = parameters;
	struct feed *a = feed_new(parameters), *b = feed_new(parameters), *c;
	bool differs = false;

	other.seed = 8;
	c = feed_new(other);
	for (uint64_t i = 0; i < 50; i++)
		feed_request(b, i); /* what was asked before leaves no trace */
	for (uint64_t i = 0; i < 50; i++) {
		feed_request(a, i);
		feed_request(b, i);
		feed_request(c, i);
		check_int(a->events.count, b->events.count);
		check_bytes(bytes_of(a->events.list, (size_t)a->events.count * sizeof(a->events.list[0])),
			    bytes_of(b->events.list, (size_t)b->events.count * sizeof(b->events.list[0])));
		differs |= c->events.count != a->events.count;
	}
	check(differs);
	memory_free(&a);
	memory_free(&b);
	memory_free(&c);
}

TEST(faults_do_not_stir_up_what_is_shown_and_done)
{
	struct feed *sound = feed_new(plain_parameters()), *faulty = feed_new(faulty_parameters(0.05));

	for (uint64_t i = 0; i < 200; i++) {
		feed_request(sound, i);
		feed_request(faulty, i);
		check_int(sound->request.depth, faulty->request.depth);
		check_bytes(bytes_of(sound->request.slots, sizeof(sound->request.slots[0]) * 10),
			    bytes_of(faulty->request.slots, sizeof(faulty->request.slots[0]) * 10));
	}
	memory_free(&sound);
	memory_free(&faulty);
}

TEST(request_times_never_fall_and_keep_the_rate)
{
	struct feed *feed = feed_new(plain_parameters());
	int64_t before_ms = 0, impressions = 0;
	uint64_t count = 0;

	for (; before_ms < 600000; count++) {
		int64_t at_ms = traffic_request_at_ms(&feed->model, count);

		check(at_ms >= before_ms);
		before_ms = at_ms;
		if (count % 20 == 0) {
			traffic_request_rank(&feed->model, count, &feed->request);
			impressions += 20 * feed->request.depth;
		}
	}
	check(impressions > 600000 * 0.97 && impressions < 600000 * 1.03);
	memory_free(&feed);
}

TEST(items_appear_over_time_and_cold_start_shows_the_new_ones)
{
	struct feed *feed = feed_new(plain_parameters());
	int cold = 0;

	check_int(traffic_catalogue(&feed->model, 0), 2000);
	check_int(traffic_catalogue(&feed->model, 60000), 2060);
	for (uint32_t item = 2000; item < 2100; item++) {
		int64_t at_ms = traffic_item_appeared_ms(&feed->model, item);

		check(traffic_catalogue(&feed->model, at_ms) > item);
		check(traffic_catalogue(&feed->model, at_ms - 1) <= item);
	}
	for (uint64_t i = 0; i < 20000; i++) {
		traffic_request_rank(&feed->model, i, &feed->request);
		for (int j = 0; j < feed->request.count; j++) {
			check(feed->request.slots[j].item < traffic_catalogue(&feed->model, feed->request.at_ms));
			if (feed->request.slots[j].source != TRAFFIC_COLD_START)
				continue;
			cold++;
			check(feed->request.slots[j].item >= 2000);
		}
	}
	check(cold > 0.025 * 200000 && cold < 0.035 * 200000);
	memory_free(&feed);
}

/* Sums over many requests, for what holds on average. */
struct sums {
	double slots, affinity;
};

static void
sum_add(struct sums *sums, double affinity)
{
	sums->slots += 1;
	sums->affinity += affinity;
}

static double
sum_mean(const struct sums *sums)
{
	return sums->affinity / sums->slots;
}

TEST(five_percent_are_explored_and_the_ranker_beats_chance)
{
	struct feed *feed = feed_new(plain_parameters());
	struct sums ranked = {0}, explored = {0}, groups[2] = {0};
	double all = 0;

	for (uint64_t i = 0; i < 20000; i++) {
		traffic_request_rank(&feed->model, i, &feed->request);
		check_int(feed->request.count, 10);
		for (int j = 0; j < feed->request.count; j++) {
			const struct traffic_slot *slot = &feed->request.slots[j];

			all++;
			check(slot->affinity >= 0 && slot->affinity <= 1);
			if (slot->source == TRAFFIC_EXPLORATION)
				sum_add(&explored, (double)slot->affinity);
			if (slot->source != TRAFFIC_RANKED)
				continue;
			sum_add(&ranked, (double)slot->affinity);
			sum_add(&groups[feed->request.user.treated], (double)slot->affinity);
		}
	}
	check(explored.slots / all > 0.046 && explored.slots / all < 0.054);
	check(sum_mean(&ranked) > sum_mean(&explored) + 0.15);
	/* Two groups of about the same size, and the better ranker is the treatment. */
	check(groups[0].slots > 0.35 * ranked.slots && groups[1].slots > 0.35 * ranked.slots);
	check(sum_mean(&groups[1]) > sum_mean(&groups[0]) + 0.01);
	memory_free(&feed);
}

/* Whether somebody engaged, by position; `explored`: of items that stand there by chance. */
struct engaged {
	double shown, engaged, predicted;
};

static void
count_engaged(const struct feed *feed, struct engaged by_position[10], bool explored)
{
	bool engaged[10] = {false};
	double predicted[10] = {0};

	for (int i = 0; i < feed->events.count; i++) {
		const struct traffic_event *event = &feed->events.list[i];

		if (event->output == TRAFFIC_ENGAGEMENTS && event->detail != TRAFFIC_SKIP)
			engaged[event->position] = true;
		if (event->output == TRAFFIC_SCORES && !event->detail)
			predicted[event->position] = (double)event->second;
	}
	for (int i = 0; i < feed->request.depth; i++) {
		if (explored != (feed->request.slots[i].source == TRAFFIC_EXPLORATION))
			continue;
		by_position[i].shown += 1;
		by_position[i].engaged += engaged[i];
		by_position[i].predicted += predicted[i];
	}
}

TEST(attention_falls_with_the_position_and_most_items_are_swiped_away_where_chance_chose)
{
	struct traffic_parameters parameters = plain_parameters();
	struct engaged by_position[10] = {0};
	double shown = 0, engaged = 0, first, last;
	struct feed *feed;

	parameters.exploration = 1;
	parameters.cold_start = 0;
	feed = feed_new(parameters);
	for (uint64_t i = 0; i < 20000; i++) {
		feed_request(feed, i);
		count_engaged(feed, by_position, true);
	}
	for (int i = 0; i < 10; i++) {
		shown += by_position[i].shown;
		engaged += by_position[i].engaged;
	}
	first = by_position[0].engaged / by_position[0].shown;
	last = by_position[9].engaged / by_position[9].shown;
	check(by_position[9].shown > 0.15 * by_position[0].shown); /* some scroll to the end, most do not */
	check(by_position[9].shown < 0.35 * by_position[0].shown);
	check(first > 1.5 * last);
	check(engaged / shown > 0.1 && engaged / shown < 0.5);
	memory_free(&feed);
}

TEST(predictions_are_near_the_truth)
{
	struct engaged by_position[10] = {0};
	struct feed *feed = feed_new(plain_parameters());
	double engaged = 0, predicted = 0;

	for (uint64_t i = 0; i < 20000; i++) {
		feed_request(feed, i);
		count_engaged(feed, by_position, false);
	}
	for (int i = 0; i < 10; i++) {
		engaged += by_position[i].engaged;
		predicted += by_position[i].predicted;
	}
	check(predicted / engaged > 0.85 && predicted / engaged < 1.15);
	memory_free(&feed);
}

TEST(nothing_arrives_before_it_happens_and_disorder_is_bounded)
{
	struct feed *feed = feed_new(plain_parameters());
	bool behind = false;

	for (uint64_t i = 0; i < 2000; i++) {
		feed_request(feed, i);
		for (int j = 0; j < feed->events.count; j++) {
			const struct traffic_event *event = &feed->events.list[j];

			check(event->time_ms >= feed->request.at_ms);
			check(event->arrival_ms >= event->time_ms);
			check(event->arrival_ms <= event->time_ms + 300);
			behind |= event->arrival_ms > event->time_ms + 250;
		}
	}
	check(behind);
	memory_free(&feed);
}
