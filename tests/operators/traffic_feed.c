#include "tests/operators/traffic_feed.h"

#include "base/memory.h"

struct traffic_parameters
plain_parameters(void)
{
	return (struct traffic_parameters){
		.seed = 7,
		.users = 500,
		.items = 2000,
		.new_items_per_minute = 60,
		.slate = 10,
		.rate_per_second = 1000,
		.exploration = 0.05,
		.cold_start = 0.03,
		.scroll_on = 0.85,
		.cold_start_age_ms = 600000,
		.engagement_delay_ms = 1500,
		.dwell_ms = 700,
		.disorder_ms = 300,
		.late_by_ms = 120000,
		.burst_factor = 20,
		.burst_for_ms = 10000,
	};
}

struct traffic_parameters
faulty_parameters(double ratio)
{
	struct traffic_parameters parameters = plain_parameters();

	parameters.lost_engine_server = ratio;
	parameters.lost_server_client = ratio;
	parameters.duplicated = ratio;
	parameters.altered = ratio;
	parameters.phantom = ratio;
	parameters.late = ratio;
	parameters.repeats = 0.1;
	return parameters;
}

struct feed *
feed_new(struct traffic_parameters parameters)
{
	struct feed *feed = memory_new(sizeof(*feed));

	feed->parameters = parameters;
	traffic_model_init(&feed->model, &feed->parameters);
	feed->events.parameters = &feed->parameters;
	for (int i = 0; i < TRAFFIC_OUTPUTS; i++)
		feed->events.wanted[i] = true;
	return feed;
}

void
feed_request(struct feed *feed, uint64_t number)
{
	traffic_request_rank(&feed->model, number, &feed->request);
	traffic_faults_decide(&feed->parameters, &feed->request, feed->faults);
	traffic_request_events(&feed->request, feed->faults, &feed->events);
}
