#include "base/address.h"

#include "tests/test.h"

TEST(a_host_and_a_port_are_an_address)
{
	check(address_is_host_port("redis:6379"));
	check(address_is_host_port("redis-1.shop_a.internal:1"));
	check(address_is_host_port("10.0.0.1:65535"));
	check(address_is_host_port("[::1]:6379"));
	check(address_is_host_port("[fe80::1%eth0]:6379"));
}

TEST(what_no_name_server_could_look_up_is_no_address)
{
	check(!address_is_host_port(""));
	check(!address_is_host_port("redis"));
	check(!address_is_host_port("redis:"));
	check(!address_is_host_port(":6379"));
	check(!address_is_host_port("redis:0"));
	check(!address_is_host_port("redis:65536"));
	check(!address_is_host_port("redis:6379x"));
	check(!address_is_host_port("redis:-1"));
	check(!address_is_host_port("redis://redis:6379"));
	check(!address_is_host_port("re dis:6379"));
	check(!address_is_host_port("${HOST}:6379"));
	check(!address_is_host_port("::1:6379"));
	check(!address_is_host_port("[]:6379"));
}
