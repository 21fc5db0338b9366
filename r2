instance b
vrrp_instance V {
interface eth0
virtual_router_id 51
virtual_ipaddress {
10.0.0.1/24
}
}
