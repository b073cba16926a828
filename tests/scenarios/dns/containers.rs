//! In containers, whose only resolver it can be.

use lab::{Container, Image, Need, Network, PATIENCE, Scratch, binary, needs, tree, wait_for};

/// Waits until a program in the container that asks the system's resolver finds the name there.
fn soon_finds(container: &Container, name: &str, address: &str) {
    let look = || container.call(&["getent", "ahostsv4", name]);
    let what = format!("{name} to be {address}");
    wait_for(&what, PATIENCE, look, |found| {
        found.stdout.starts_with(&format!("{address} "))
    });
}

#[test]
fn a_container_can_have_it_as_its_only_resolver() {
    if !needs(Need::Docker) {
        return;
    }
    let tree = tree("dns-container");
    tree.create("/db", "10.0.0.5");
    let (image, network) = (Image::with_hostsync(), Network::new());
    let servers = network.reach(&tree);
    let program = format!("--volume={}:/nameserver:ro", binary("nameserver").display());
    // The user of its image. What is none of our zones, the engine's own resolver knows.
    let options = [program.as_str(), "--user=65534:65534"];
    let command = "/nameserver run --domain zk.internal --dns 0.0.0.0:53 --forward 127.0.0.11 -z";
    let command: Vec<&str> = command.split(' ').chain([&*servers]).collect();
    let resolver = Container::run_with(&options, &image, &network, &command);
    let address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    let address = resolver.inspect(address);

    let files = Scratch::new("resolver");
    let mount = |name: &str, text: &str| {
        let file = files.write(name, text);
        format!("--volume={}:/etc/{name}:ro", file.display())
    };
    let switch = mount("nsswitch.conf", "hosts: dns\n");
    let only = mount("resolv.conf", &format!("nameserver {address}\n"));
    // Past the engine's resolver, and as what that one asks.
    for option in [only, format!("--dns={address}")] {
        let client = Container::run_with(&[&switch, &option], &image, &network, &["sleep", "600"]);
        soon_finds(&client, "db.zk.internal", "10.0.0.5");
        soon_finds(&client, resolver.name(), &address);
        let _ = client
            .call(&["getent", "ahostsv4", "nobody.zk.internal"])
            .expect_code(2);
    }
}
