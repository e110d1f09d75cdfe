//! Services, and the plans that open them.

use alloy::primitives::{B256, keccak256};
use eyre::Result;
use scrip::{
    Did, PlanId, Refusal, Service, ServiceCreated, ServiceOwnershipAccepted, ServiceOwnershipOffered,
    ServicePlansChanged, ServiceUriSet, Services, Terms, abi::IServices::IServicesErrors as E,
};
use scrip_e2e::env::TestEnv;

async fn plans(env: &TestEnv) -> Result<[PlanId; 3]> {
    let mut plans = [PlanId(Default::default()); 3];
    for (plan, name) in plans.iter_mut().zip(["A", "B", "C"]) {
        *plan = env.create(&Terms::credits(name, 1)).await?;
    }
    Ok(plans)
}

#[tokio::test]
async fn a_service_is_published_opened_by_plans_and_handed_over() -> Result<()> {
    let env = TestEnv::start().await?;
    let (services, heir) = (Services::connect(&env.builder).await?, Services::connect(&env.agent).await?);
    let (owner, new_owner) = (env.builder.signer(), env.agent.signer());
    let [a, b, c] = plans(&env).await?;

    let seed = keccak256("translator");
    let did = services.did(owner, seed);
    assert_eq!(did.0, services.instance().computeDid(owner, seed).call().await?);
    assert_ne!(did, services.did(new_owner, seed), "another creator makes another service");
    let uri = "https://example.com/translator.json".to_owned();
    let created = services.create(seed, &uri, [a, b]).await?;
    assert_eq!(created.event, ServiceCreated { did, owner, seed, uri: uri.clone() });
    let service = Service { did, owner, pending_owner: None, uri, plans: vec![a, b] };
    assert_eq!(heir.service(did).await?, service);

    let added = services.add_plan(did, c).await?;
    assert_eq!(added.event, ServicePlansChanged { did, removed: vec![], added: vec![c] });
    let removed = services.remove_plan(did, a).await?;
    assert_eq!(removed.event, ServicePlansChanged { did, removed: vec![a], added: vec![] });
    for (plan, opens) in [(a, false), (b, true), (c, true)] {
        assert_eq!(heir.is_opened_by(did, plan).await?, opens);
    }
    let replaced = services.set_plans(did, [a]).await?;
    assert_eq!((replaced.did, &replaced.added), (did, &vec![a]));
    let mut gone = replaced.removed.clone();
    gone.sort();
    let mut former = vec![b, c];
    former.sort();
    assert_eq!(gone, former);
    assert_eq!(heir.service(did).await?.plans, [a]);

    let set = services.set_uri(did, "data:,").await?;
    assert_eq!(set.event, ServiceUriSet { did, uri: "data:,".to_owned() });
    let offered = services.transfer_ownership(did, new_owner).await?;
    let offer = ServiceOwnershipOffered { did, owner, pending_owner: Some(new_owner) };
    assert_eq!(offered.event, offer);
    assert_eq!(services.service(did).await?.pending_owner, Some(new_owner));
    assert_eq!(services.cancel_ownership_transfer(did).await?.pending_owner, None);
    services.transfer_ownership(did, new_owner).await?;
    let accepted = heir.accept_ownership(did).await?;
    assert_eq!(accepted.event, ServiceOwnershipAccepted { did, former_owner: owner, owner: new_owner });
    assert!(services.set_uri(did, "").await.unwrap_err().is_not_allowed());
    heir.set_uri(did, "").await?;
    Ok(())
}

#[tokio::test]
async fn the_registry_says_why_not() -> Result<()> {
    let env = TestEnv::start().await?;
    let (services, other) = (Services::connect(&env.builder).await?, Services::connect(&env.agent).await?);
    let [a, b, _] = plans(&env).await?;
    let seed = B256::ZERO;
    let did = services.create(seed, "", [a]).await?.did;
    let many = || (0..33_u64).map(|id| PlanId(alloy::primitives::U256::from(id)));

    let mut reached = 0;
    let mut expect = |error: scrip::Error, is: fn(&E) -> bool, sentence: &str| {
        let said = env.with_names(&error, a).replace(&did.to_string(), "DID");
        assert_eq!(said, sentence);
        let Some(Refusal::Services(refusal)) = error.refused_by() else { panic!("{error}") };
        assert!(is(refusal), "{refusal:?}");
        assert!(error.hint().is_some() && error.refusal().is_none(), "{error}");
        reached += 1;
    };
    let nothing = Did(B256::repeat_byte(1));
    let error = services.service(nothing).await.unwrap_err();
    expect(error, |e| matches!(e, E::ServiceNotFound(_)), &format!("there is no service {nothing}"));
    let error = services.create(seed, "", []).await.unwrap_err();
    expect(error, |e| matches!(e, E::ServiceExists(_)), "service DID exists already");
    let error = other.add_plan(did, b).await.unwrap_err();
    let not_owner = |e: &E| matches!(e, E::NotServiceOwner(_));
    expect(error, not_owner, "agent does not own service DID, builder does");
    let error = other.accept_ownership(did).await.unwrap_err();
    let not_pending = |e: &E| matches!(e, E::NotPendingServiceOwner(_));
    expect(error, not_pending, "service DID was offered to nobody, so not to agent");
    services.transfer_ownership(did, env.stranger.signer()).await?;
    let error = other.accept_ownership(did).await.unwrap_err();
    expect(error, not_pending, "service DID was not offered to agent, but to stranger");
    let error = services.set_plans(did, many()).await.unwrap_err();
    let too_many = |e: &E| matches!(e, E::TooManyPlans(_));
    expect(error, too_many, "33 plans of service DID, 32 at most fit");
    let error = services.add_plan(did, a).await.unwrap_err();
    expect(error, |e| matches!(e, E::PlanAlreadyListed(_)), "service DID lists plan PLAN already");
    services.remove_plan(did, a).await?;
    let error = services.remove_plan(did, a).await.unwrap_err();
    expect(error, |e| matches!(e, E::PlanNotListed(_)), "service DID does not list plan PLAN");
    assert_eq!(reached, 8);
    Ok(())
}
